package repotest_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

const modulesFile = "testdata/modules.txt"

// adapters are packages that only some programs import. They may need modules that no other
// package does.
var adapters = map[string][]string{
	"middleware/otelhooks": {
		"github.com/cespare/xxhash/v2", "go.opentelemetry.io/otel",
		"go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/trace",
	},
}

// TestModules keeps the go.sum of users small. Go records there the modules of the
// packages that a user imports, and those of the tests of these packages. So our tests
// may import no module that our packages do not need. Tests that need one are in a
// package internal/…test, in identity, in an adapter, or in the examples.
func TestModules(t *testing.T) {
	text, err := os.ReadFile(modulesFile)
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Fields(string(text))
	packages := []string{"matcher", "tokens", "session", "middleware", "cognitotest"}
	for i, p := range packages {
		packages[i] = module + p
	}
	const modules = "{{with .Module}}{{.Path}}{{end}}"
	needed := goList(t, append([]string{"-deps", "-f", modules, module + "identity"}, packages...)...)
	for m := range needed {
		if !slices.Contains(listed, m) {
			t.Errorf("our packages import the module %s, which %s does not list", m, modulesFile)
		}
	}
	for _, m := range listed {
		if !needed[m] {
			t.Errorf("%s lists %s, which no package of ours imports", modulesFile, m)
		}
	}
	for p := range goList(t, module+"...") {
		internal := strings.Contains(p, "/internal/")
		if internal && !strings.HasSuffix(path.Base(p), "test") && !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
	}
	for m := range goList(t, append([]string{"-deps", "-test", "-f", modules}, packages...)...) {
		if !slices.Contains(listed, m) {
			t.Errorf("tests of our packages import the module %s, which %s does not list", m, modulesFile)
		}
	}
}

// TestAdaptersModules lists the modules that an adapter needs beyond those of all programs.
// No other package imports an adapter, as allowedImports shows.
func TestAdaptersModules(t *testing.T) {
	text, err := os.ReadFile(modulesFile)
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Fields(string(text))
	for adapter, own := range adapters {
		needed := goList(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", module+adapter)
		for m := range needed {
			if !slices.Contains(listed, m) && !slices.Contains(own, m) {
				t.Errorf("%s imports the module %s, which adapters does not list", adapter, m)
			}
		}
		for _, m := range own {
			if !needed[m] {
				t.Errorf("adapters lists %s, which %s does not import", m, adapter)
			}
		}
		for pkg, imports := range allowedImports {
			if slices.Contains(imports, adapter) {
				t.Errorf("%s may import %s", pkg, adapter)
			}
		}
	}
}
