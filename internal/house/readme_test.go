package house_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestREADMECompiles builds every complete Go program in README.md, so that what
// it shows works.
func TestREADMECompiles(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := 0
	for i, block := range strings.Split(string(text), "```go\n")[1:] {
		code, _, ok := strings.Cut(block, "```")
		if !ok {
			t.Fatal("a block without an end")
		}
		if !strings.HasPrefix(code, "package ") {
			continue
		}
		programs++
		file := filepath.Join(t.TempDir(), fmt.Sprintf("block%d.go", i))
		if strings.HasPrefix(code, "package main_test") {
			file = strings.TrimSuffix(file, ".go") + "_test.go"
		}
		if err := os.WriteFile(file, []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("block %d of README.md: %v\n%s", i+1, err, out)
		}
	}
	if programs == 0 {
		t.Error("README.md shows no program")
	}
	if lines := strings.Count(string(text), "\n"); lines > 200 {
		t.Errorf("README.md has %d lines; 200 are enough", lines)
	}
}
