package repotest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// codes are names of attacks in a list that readers do not have.
var codes = regexp.MustCompile(`W[0-9]+\b`)

// TestNoCodes finds sentences that a code stands in for.
func TestNoCodes(t *testing.T) {
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() {
			if name == ".git" || name == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !codes.Match(text) {
			return nil
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if code := codes.FindString(line); code != "" {
				t.Errorf("%s:%d: say in words what %s is", path, number, code)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
