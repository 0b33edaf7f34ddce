package repotest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// Bounds on what a guard adds to a program with chi.
const (
	maxAddedBytes = 6_000_000 // to the program, without debug information
	maxSumLines   = 60        // in go.sum, those of chi included
)

// TestGuardIsLight builds the programs of bench/size in a module of their own, as a user
// would: one with chi and a guard, and one with chi alone.
func TestGuardIsLight(t *testing.T) {
	longtest.Only(t)
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	copyFile := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	goCommand := func(args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
		out, err := cmd.CombinedOutput()
		if bytes.Contains(out, []byte("GOPROXY=off")) {
			longtest.CannotRun(t, "a module is missing that go mod tidy asks for: make lint downloads it")
		}
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	copyFile("go.mod", "go.mod") // has the versions; go mod tidy takes out the rest
	copyFile("go.sum", "go.sum")
	sizes := make(map[string]int64)
	for _, program := range []string{"bare", "guarded"} {
		copyFile("bench/size/"+program+"/main.go", program+"/main.go")
	}
	path := strings.TrimSuffix(module, "/")
	goCommand("mod", "edit", "-module=example.com/program", "-require="+path+"@v0.0.0", "-replace="+path+"="+root)
	goCommand("mod", "tidy")
	for _, program := range []string{"bare", "guarded"} {
		goCommand("build", "-ldflags=-s -w", "-o", filepath.Join(dir, program+".bin"), "./"+program)
		info, err := os.Stat(filepath.Join(dir, program+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		sizes[program] = info.Size()
	}
	added := sizes["guarded"] - sizes["bare"]
	t.Logf("a guard adds %.1f MB", float64(added)/1e6)
	if added > maxAddedBytes {
		t.Errorf("a guard adds %d bytes to a program", added)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("go.sum has %d lines", bytes.Count(sums, []byte("\n")))
	if n := bytes.Count(sums, []byte("\n")); n > maxSumLines {
		t.Errorf("go.sum has %d lines", n)
	}
	for _, other := range []string{"redis", "opentelemetry", "chromedp", "service/dynamodb", "service/s3", "service/cognitoidentity "} {
		if bytes.Contains(sums, []byte(other)) {
			t.Errorf("go.sum has %s, which no guard needs", other)
		}
	}
}
