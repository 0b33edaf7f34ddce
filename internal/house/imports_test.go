package house_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cognitogate/cognitogate/"

// allowed lists, for each package, which of our packages it may import: arrows
// point down. Examples may import all.
var allowed = map[string][]string{
	"matcher":                  {},
	"tokens":                   {"internal/awscall"},
	"session":                  {"session/internal/refresh", "tokens", "internal/configerr", "internal/cookie", "internal/hosts", "internal/page", "internal/percent"},
	"session/internal/refresh": {"tokens", "internal/recent"},
	"middleware":               {"internal/configerr", "internal/percent", "matcher", "session", "tokens", "internal/cookie", "internal/page", "internal/seal"},
	"identity":                 {"internal/configerr", "internal/recent", "internal/awscall", "session", "tokens", "internal/hosts"},
	"appsync":                  {"identity", "session", "internal/hosts"},
	"cognitotest":              {"middleware", "session", "tokens", "internal/sigv4"},
	"internal/configerr":       {"tokens"},
	"internal/awscall":         {},
	"internal/cookie":          {"internal/percent"},
	"internal/floor":           {},
	"internal/hosts":           {},
	"internal/house":           {},
	"internal/page":            {},
	"internal/percent":         {},
	"internal/recent":          {},
	"internal/seal":            {},
	"internal/sigv4":           {},
}

// doors lists which packages may import a dependency: each stays behind one door,
// so that a new major version of it is a patch of ours.
var doors = map[string][]string{
	"github.com/lestrrat-go/jwx/": {"tokens"},
	"github.com/aws/":             {"tokens", "identity", "internal/sigv4", "examples/chi-app"},
	"github.com/go-chi/chi/":      {"middleware", "cognitotest", "examples/chi-app"},
	"github.com/gorilla/":         {"internal/seal"},
	"golang.org/x/oauth2":         {"tokens", "middleware"},
	"golang.org/x/time/":          {"session", "session/internal/refresh"},
}

// jwxFiles are the files that may import jwx.
var jwxFiles = []string{"tokens/keyset.go", "tokens/verifier.go"}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		rule, known := allowed[pkg]
		example := strings.HasPrefix(pkg, "examples/")
		if !known && !example {
			t.Errorf("%s has no rule: say here what it may import", pkg)
		}
		for _, imp := range fields[1:] {
			if ours, ok := strings.CutPrefix(imp, module); ok {
				if !example && !slices.Contains(rule, ours) {
					t.Errorf("%s imports %s: arrows point down only", pkg, ours)
				}
			} else if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !mayImport(pkg, imp) {
				t.Errorf("%s imports %s, which stays behind another door", pkg, imp)
			}
		}
	}
}

func mayImport(pkg, imp string) bool {
	for prefix, packages := range doors {
		if strings.HasPrefix(imp, prefix) && slices.Contains(packages, pkg) {
			return true
		}
	}
	return false
}

func TestJWXStaysInTwoFiles(t *testing.T) {
	files, err := filepath.Glob("../../tokens/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files: ", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.ToSlash(strings.TrimPrefix(f, "../../"))
		imports := strings.Contains(string(text), `"github.com/lestrrat-go/jwx/`)
		if may := slices.Contains(jwxFiles, name); imports && !may && !strings.HasSuffix(f, "_test.go") {
			t.Errorf("%s imports jwx, which stays in %v", name, jwxFiles)
		}
	}
}
