package repotest_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRoutersPage compares the programs of docs/routers.md with those of docs/routers, which
// is a module of its own. make test-long runs its tests.
func TestRoutersPage(t *testing.T) {
	files, err := filepath.Glob("../../docs/routers/*/main.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no programs: ", err)
	}
	shown := goBlocks(t, "../../docs/"+routersPage)
	if len(shown) != len(files) {
		t.Errorf("%s shows %d programs, want %d", routersPage, len(shown), len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(shown, string(text)) {
			t.Errorf("%s does not show %s as it is", routersPage, file)
		}
	}
}
