package repotest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fileOrder lists the files of packages from top to bottom. A file may use only what
// it or a file below it declares. So a reader can read a package in this order, and no
// two files need each other.
var fileOrder = map[string][]string{
	"session": {
		"fetch.go", "deadline.go", "start.go", "end.go", "enduser.go", "forwardcookies.go", "refreshflow.go", "refreshorder.go",
		"verify.go", "idtokens.go", "userresult.go", "checks.go", "transport.go", "context.go", "reason.go", "explain.go", "manager.go",
		"refreshnotes.go", "checkedtokens.go", "warnings.go",
		"layout.go", "takeover.go", "amplifylayout.go", "handlelayout.go", "sealedlayout.go", "setcookie.go", "deletions.go", "requestcookies.go", "records.go", "openedcookies.go", "content.go", "appclients.go", "amplify.go", "cache.go",
		"session.go", "bearertokens.go", "errors.go", "config.go", "layoutconfig.go", "hooks.go", "store.go", "doc.go",
	},
	"session/internal/refresh": {"refresh.go", "end.go", "sharedrefresh.go", "exchange.go", "request.go", "engine.go", "sharedcall.go", "sharing.go", "storevalue.go", "signoutlog.go", "signouts.go", "unrevoked.go", "signoutnote.go", "clockoffset.go", "devices.go", "receivedtokens.go", "userrefusals.go", "limits.go", "accounts.go", "margin.go", "results.go", "origin.go", "ratelimits.go", "store.go", "storeoutage.go", "breaker.go", "errors.go"},
}

func TestFileOrder(t *testing.T) {
	for dir, order := range fileOrder {
		t.Run(dir, func(t *testing.T) {
			files, err := filepath.Glob("../../" + dir + "/*.go")
			if err != nil {
				t.Fatal(err)
			}
			sources := make(map[string]string)
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if name := filepath.Base(file); !strings.HasSuffix(name, "_test.go") {
					sources[name] = string(text)
				}
			}
			fset := token.NewFileSet()
			found, err := upwardUses(fset, newImporter(t, fset, module+dir), sources, order)
			if err != nil {
				t.Fatal(err)
			}
			for _, use := range found {
				t.Error(use)
			}
		})
	}
}

func TestFileOrderFindsUpwardUses(t *testing.T) {
	sources := map[string]string{
		"doc.go": "// Package p is documented.\npackage p",
		"top.go": "package p\nfunc Top() { var x bottom; x.count++; x.method() }",
		"bottom.go": `package p
			type bottom struct{ count int }
			func (b bottom) method() { _ = limit }
			const limit = 1`,
	}
	for name, test := range map[string]struct {
		order []string
		want  []string
	}{
		"downward": {[]string{"top.go", "bottom.go", "doc.go"}, nil},
		"upward":   {[]string{"doc.go", "bottom.go", "top.go"}, []string{"bottom", "count", "method"}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := upwardUses(token.NewFileSet(), nil, sources, test.order)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != len(test.want) {
				t.Fatalf("found %q, want uses of %q", found, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(found[i], "uses "+want+" of bottom.go") {
					t.Errorf("found %q, want a use of %s", found[i], want)
				}
			}
		})
	}
	for name, order := range map[string][]string{
		"a file is missing": {"top.go", "bottom.go"},
		"a file is unknown": {"top.go", "bottom.go", "doc.go", "other.go"},
	} {
		if _, err := upwardUses(token.NewFileSet(), nil, sources, order); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// upwardUses type-checks the files of one package, and returns a line for each use of a
// constant, variable, type, field, function or method that a file above declares. Each
// name of a file is reported once.
func upwardUses(fset *token.FileSet, imports types.Importer, sources map[string]string, order []string) (found []string, err error) {
	var files []*ast.File
	for _, name := range order {
		source, ok := sources[name]
		if !ok {
			return nil, fmt.Errorf("the package has no file %s", name)
		}
		file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	for name := range sources {
		if !slices.Contains(order, name) {
			return nil, fmt.Errorf("the order does not list %s", name)
		}
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: imports}
	pkg, err := config.Check("p", fset, files, info)
	if err != nil {
		return nil, err
	}
	fileOf := func(p token.Pos) string { return fset.Position(p).Filename }
	seen := make(map[string]bool)
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			ident, ok := node.(*ast.Ident)
			if !ok {
				return true
			}
			used := info.Uses[ident]
			if used == nil || used.Pkg() != pkg || !used.Pos().IsValid() {
				return true
			}
			from, to := fileOf(ident.Pos()), fileOf(used.Pos())
			key := from + " " + to + " " + used.Name()
			if slices.Index(order, to) < slices.Index(order, from) && !seen[key] {
				seen[key] = true
				found = append(found, fmt.Sprintf("%s uses %s of %s, which is above it", fset.Position(ident.Pos()), used.Name(), to))
			}
			return true
		})
	}
	return found, nil
}
