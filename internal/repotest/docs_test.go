package repotest_test

import (
	"errors"
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

// routersPage shows the programs of a module of its own. See TestRoutersPage.
const routersPage = "routers.md"

// A program is one or several Go code blocks of a page that are one package.
type program struct {
	name  string
	files map[string]string // by file name
}

// isTest reports whether the program has tests alone.
func (p program) isTest() bool { return p.files["main.go"] == "" }

// markdownPages returns the paths of README.md, the other pages beside it, and docs/.
func markdownPages(t *testing.T) (pages []string) {
	t.Helper()
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Fatal("no pages: ", err)
		}
		pages = append(pages, some...)
	}
	return pages
}

// goBlocks returns the code blocks of a page whose language is Go.
func goBlocks(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := blocksOf(string(text))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return blocks
}

// blocksOf returns the Go code blocks in the text of a page. Each is a whole file, so that
// it can be compiled.
func blocksOf(text string) (blocks []string, err error) {
	var block *strings.Builder // nil outside of blocks
	isGo := false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")
		language := strings.Trim(trimmed, "`~ ")
		switch {
		case !fence && block != nil:
			block.WriteString(line)
		case !fence:
		case block == nil:
			block, isGo = new(strings.Builder), language == "go"
			if low := strings.ToLower(language); !isGo && (low == "go" || low == "golang") || isGo && line != "```go\n" {
				return nil, fmt.Errorf("a block of Go begins with %q", line)
			}
		case trimmed != "```":
			return nil, fmt.Errorf("a block has no end before %q", line)
		default:
			if code := block.String(); isGo {
				if !strings.HasPrefix(code, "package main") {
					return nil, fmt.Errorf("a block is no whole file, so nothing compiles it:\n%s", code)
				}
				blocks = append(blocks, code)
			}
			block = nil
		}
	}
	if block != nil {
		return nil, errors.New("the last block has no end")
	}
	return blocks, nil
}

// programs returns those of all pages but routersPage. A test in package main belongs to
// the program before it. All tests in package main_test of a page are one program.
func programs(t *testing.T) (all []program) {
	t.Helper()
	for _, page := range markdownPages(t) {
		base := filepath.Base(page)
		if base == routersPage {
			continue
		}
		tests := program{base, make(map[string]string)}
		before := program{}
		for i, code := range goBlocks(t, page) {
			name := fmt.Sprintf("%s, block %d", base, i+1)
			switch {
			case strings.HasPrefix(code, "package main_test"):
				tests.files[fmt.Sprintf("block%d_test.go", i+1)] = code
			case !strings.Contains(code, "\t\"testing\"\n"):
				before = program{name, map[string]string{"main.go": code}}
				all = append(all, before)
			case len(before.files) != 1:
				t.Fatalf("%s: no program without a test is before this test", name)
			default:
				before.files["main_test.go"] = code
			}
		}
		if len(tests.files) > 0 {
			all = append(all, tests)
		}
	}
	if len(all) == 0 {
		t.Fatal("the documentation shows no program")
	}
	return all
}

func TestGoBlocks(t *testing.T) {
	const program = "package main\n\nfunc main() {}\n"
	for _, tt := range []struct {
		text string
		want int // -1 for an error
	}{
		{"```go\n" + program + "```\n", 1},
		{"text\n\n```go\n" + program + "```\n\n```go\n" + program + "```\n", 2},
		{"```sh\n" + program + "```\n", 0},
		{"```go\nfmt.Println()\n```\n", -1},
		{"```Go\n" + program + "```\n", -1},
		{"``` go\n" + program + "```\n", -1},
		{"~~~go\n" + program + "~~~\n", -1},
		{"  ```go\n" + program + "  ```\n", -1},
		{"```go\n" + program, -1},
		{"```sh\nls\n```go\n" + program + "```\n", -1},
	} {
		if blocks, err := blocksOf(tt.text); err == nil && len(blocks) != tt.want || err != nil && tt.want >= 0 {
			t.Errorf("%q: %d blocks, error %v, want %d", tt.text, len(blocks), err, tt.want)
		}
	}
}

// TestDocsCompile type-checks the programs against what go test has built, which
// takes less time than building them. In make test-long, TestDocsRun does more.
func TestDocsCompile(t *testing.T) {
	fset := token.NewFileSet()
	all := programs(t)
	parsed := make([][]*ast.File, len(all))
	var imports []string
	for i, p := range all {
		for name, code := range p.files {
			file, err := parser.ParseFile(fset, p.name+": "+name, code, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				imports = append(imports, path)
			}
			parsed[i] = append(parsed[i], file)
		}
	}
	slices.Sort(imports)
	config := types.Config{Importer: newImporter(t, fset, slices.Compact(imports)...)}
	for i, files := range parsed {
		if _, err := config.Check("main", fset, files, nil); err != nil {
			t.Errorf("%s: %v", all[i].name, err)
		}
	}
}

// withoutPorts has a program's server not listen, so that the program ends when everything
// before that works. Another server of the program, on an address with a host, takes any port.
func withoutPorts(code string) string {
	code = strings.ReplaceAll(code, `":8080"`, `"no port"`)
	return hostAndPort.ReplaceAllString(code, `ListenAndServe("$1:0"`)
}

var hostAndPort = regexp.MustCompile(`ListenAndServe\("([^":]+):[0-9]+"`)

// TestDocsRun vets the programs, runs their tests, and runs them. Each becomes a package
// with a function Main and the tests. One test binary has all of them, because linking takes
// most of the time.
func TestDocsRun(t *testing.T) {
	longtest.Only(t)
	t.Setenv("COGNITOGATE_SECRET", "the 44 characters that openssl rand printed.") // see docs/replicas.md
	dir, all := t.TempDir(), programs(t)
	writeModule(t, dir)
	var imports, mains, tests strings.Builder
	for i, p := range all {
		pkg := fmt.Sprintf("program%02d", i)
		fmt.Fprintf(&imports, "\t\"guide/%s\"\n", pkg)
		for name, code := range p.files {
			code = packageClause.ReplaceAllString(code, "package "+pkg)
			code = strings.Replace(code, "\nfunc main() {", "\nfunc Main() {", 1)
			// Only a file that is no test of the package can be called from outside.
			writeFile(t, filepath.Join(dir, pkg, strings.TrimSuffix(name, "_test.go")+".go"), withoutPorts(code))
			for _, match := range testFunc.FindAllStringSubmatch(code, -1) {
				if match[1] != "Test" {
					t.Errorf("%s: nothing runs %s%s", p.name, match[1], match[2])
					continue
				}
				fmt.Fprintf(&tests, "\tt.Run(%q, %s.Test%s)\n", p.name+": Test"+match[2], pkg, match[2])
			}
		}
		if !p.isTest() {
			fmt.Fprintf(&mains, "\tcase %q:\n\t\t%[1]s.Main()\n", pkg)
		}
	}
	writeFile(t, filepath.Join(dir, "main_test.go"), "package main\n\nimport (\n\t\"os\"\n\t\"testing\"\n\n"+imports.String()+
		")\n\nfunc TestMain(m *testing.M) {\n\tswitch os.Args[1] {\n"+mains.String()+"\tdefault:\n\t\tm.Run()\n\t}\n}\n"+
		"\nfunc Test(t *testing.T) {\n"+tests.String()+"}\n")
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		text := string(out)
		for i, p := range all {
			text = strings.ReplaceAll(text, fmt.Sprintf("program%02d", i), "("+p.name+")")
		}
		return text, err
	}
	bin := filepath.Join(dir, "programs.test")
	for _, args := range [][]string{
		{"go", "vet", "./..."},
		{"go", "test", "-c", "-vet=off", "-ldflags=-w", "-o", bin, "."},
		{bin, "-test.count=1"},
	} {
		if out, err := run(args[0], args[1:]...); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	for i, p := range all {
		if p.isTest() {
			continue
		}
		out, err := run(bin, fmt.Sprintf("program%02d", i))
		if strings.Contains(p.files["main.go"], `":8080"`) && strings.Contains(out, "listen tcp: ") {
			err = nil
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", p.name, err, out)
		}
	}
}

var (
	packageClause = regexp.MustCompile(`^package \w+`)
	testFunc      = regexp.MustCompile(`(?m)^func (Test|Example|Fuzz|Benchmark)(\w*)\(`)
)

// writeModule makes a module in dir whose packages have the versions of this repository.
func writeModule(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if ours := strings.TrimSuffix(module, "/"); name == "go.mod" {
			mod := strings.Replace(string(text), "module "+ours, "module guide", 1)
			text = fmt.Appendf(nil, "%s\nrequire %s v0.0.0\n\nreplace %[2]s => %s\n", mod, ours, root)
		}
		writeFile(t, filepath.Join(dir, name), string(text))
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
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
