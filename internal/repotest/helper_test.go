package repotest_test

import (
	"errors"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// goList returns the lines that go list prints, without duplicates.
func goList(t *testing.T, args ...string) map[string]bool {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal("go list: ", err)
	}
	lines := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			lines[line] = true
		}
	}
	return lines
}

// newImporter imports packages from the export data in the build cache. The build
// mode is that of this test, so that nothing is compiled twice.
func newImporter(t *testing.T, fset *token.FileSet, packages ...string) types.Importer {
	t.Helper()
	args := []string{"-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}"}
	if longtest.Race {
		args = append(args, "-race")
	}
	files := make(map[string]string)
	for line := range goList(t, append(args, packages...)...) {
		path, file, _ := strings.Cut(line, " ")
		files[path] = file
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(files[path])
	})
}
