package repotest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// A program is a complete Go file in a code block of the documentation.
type program struct {
	name, code string
}

// isTest reports whether go test runs the program.
func (p program) isTest() bool { return strings.HasPrefix(p.code, "package main_test") }

// programs returns those of README.md and of all pages of docs/.
func programs(t *testing.T) (all []program) {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(text), "```go\n")[1:] {
			code, _, ok := strings.Cut(block, "```")
			if !ok {
				t.Fatalf("%s: block %d has no end", page, i+1)
			}
			if strings.HasPrefix(code, "package ") {
				all = append(all, program{fmt.Sprintf("%s, block %d", filepath.Base(page), i+1), code})
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("the documentation shows no program")
	}
	return all
}

// TestDocsCompile type-checks the programs against what go test has built, which
// takes less time than building them. In make test-long, TestDocsRun does more.
func TestDocsCompile(t *testing.T) {
	fset := token.NewFileSet()
	all := programs(t)
	files := make([]*ast.File, len(all))
	var imports []string
	for i, p := range all {
		var err error
		if files[i], err = parser.ParseFile(fset, p.name, p.code, parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
		for _, spec := range files[i].Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imports = append(imports, path)
		}
	}
	slices.Sort(imports)
	config := types.Config{Importer: newImporter(t, fset, slices.Compact(imports)...)}
	for i, file := range files {
		if _, err := config.Check("main", fset, []*ast.File{file}, nil); err != nil {
			t.Errorf("%s: %v", all[i].name, err)
		}
	}
}

// TestDocsRun vets the programs and runs them.
func TestDocsRun(t *testing.T) {
	longtest.Only(t)
	t.Setenv("COGNITOGATE_SECRET", "the 44 characters that openssl rand printed.") // see docs/replicas.md
	for _, p := range programs(t) {
		file := filepath.Join(t.TempDir(), "main.go")
		if p.isTest() {
			file = filepath.Join(t.TempDir(), "main_test.go")
		}
		// A server must not listen, so that it ends when everything before that works.
		listens := strings.Contains(p.code, `":8080"`)
		code := strings.ReplaceAll(p.code, `":8080"`, `"no port"`)
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", p.name, err, out)
			continue
		}
		verb := "run"
		if p.isTest() {
			verb = "test"
		}
		out, err := exec.Command("go", verb, file).CombinedOutput()
		if listens && strings.Contains(string(out), "listen tcp: ") {
			err = nil
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", p.name, err, out)
		}
	}
}

func TestREADMEIsShort(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > 200 {
		t.Errorf("README.md has %d lines; 200 are enough", lines)
	}
}
