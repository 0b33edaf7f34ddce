package repotest_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the exported surface to testdata/api")

// TestAPI compares the exported surface of each package, as go doc shows it, with
// testdata/api. So every change of it is part of a diff.
func TestAPI(t *testing.T) {
	for _, pkg := range []string{"matcher", "tokens", "session", "middleware", "middleware/otelhooks", "identity", "appsync", "cognitotest", "session/dynamostore", "session/redisstore", "session/storetest"} {
		got, err := exec.Command("go", "doc", "-all", module+pkg).Output()
		if err != nil {
			t.Fatalf("go doc %s: %v", pkg, err)
		}
		file := filepath.Join("..", "..", "testdata", "api", strings.ReplaceAll(pkg, "/", "_")+".txt")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != string(got) {
			t.Errorf("the exported surface of %s has changed: read the difference, run make api, and give the change a line in CHANGELOG.md", pkg)
		}
	}
}
