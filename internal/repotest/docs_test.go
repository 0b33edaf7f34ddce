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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// A program is a complete Go file in a code block of the documentation.
type program struct {
	id         string // of a package and its directory
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
				name := filepath.Base(page)
				id := fmt.Sprintf("%s%d", strings.ToLower(strings.TrimSuffix(name, ".md")), i+1)
				all = append(all, program{id, fmt.Sprintf("%s, block %d", name, i+1), code})
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

// programsMain runs the program that its argument names.
const programsMain = `package main

import (
	"os"

%s)

func main() {
	map[string]func(){
%s	}[os.Args[1]]()
}
`

// writePrograms writes the programs as packages of a module into a directory, and a
// workspace of that module and this one. Package main of it can run each of them, so that
// one binary is linked. A server must not listen, so that it ends when everything before
// that works.
func writePrograms(t *testing.T, all []program) (dir string) {
	t.Helper()
	dir = t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, code string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var imports, entries strings.Builder
	for _, p := range all {
		code := strings.Replace(p.code, "package main", "package "+p.id, 1)
		code = strings.Replace(code, "func main() {", "func Main() {", 1)
		code = strings.ReplaceAll(code, `":8080"`, `"no port"`)
		if p.isTest() {
			write(p.id+"/main_test.go", code)
			continue
		}
		write(p.id+"/main.go", code)
		fmt.Fprintf(&imports, "\t%q\n", "docs/"+p.id)
		fmt.Fprintf(&entries, "\t\t%q: %s.Main,\n", p.id, p.id)
	}
	write("main.go", fmt.Sprintf(programsMain, imports.String(), entries.String()))
	goMod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go .*$`).FindString(string(goMod))
	write("go.mod", "module docs\n\n"+version+"\n")
	write("go.work", version+"\n\nuse .\nuse "+strconv.Quote(root)+"\n")
	return dir
}

// TestDocsRun vets the programs and runs them.
func TestDocsRun(t *testing.T) {
	longtest.Only(t)
	t.Setenv("COGNITOGATE_SECRET", "the 44 characters that openssl rand printed.") // see docs/replicas.md
	all := programs(t)
	dir := writePrograms(t, all)
	run := func(name string, args ...string) ([]byte, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	for _, args := range [][]string{{"vet", "./..."}, {"build", "-ldflags=-w", "-o", "run", "."}} {
		if out, err := run("go", args...); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	for _, p := range all {
		name, args := filepath.Join(dir, "run"), []string{p.id}
		if p.isTest() {
			name, args = "go", []string{"test", "./" + p.id}
		}
		out, err := run(name, args...)
		if strings.Contains(p.code, `":8080"`) && strings.Contains(string(out), "listen tcp: ") {
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
