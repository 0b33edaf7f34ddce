package repotest_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

const modulesFile = "testdata/modules.txt"

// TestModules keeps the go.sum of users small. Go records there the modules of the
// packages that a user imports, and those of the tests of these packages. So our tests
// may import no module that our packages do not need. Tests that need one are in a
// package internal/…test, in identity, or in the examples.
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
