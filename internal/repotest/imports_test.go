package repotest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cognitogate/cognitogate/"

// allowedImports lists, for each package, the packages of this module that it may
// import. No cycle of layers is possible: each line names lower layers only. Examples
// may import everything.
var allowedImports = map[string][]string{
	"matcher":                          {"internal/automaton", "internal/percent"},
	"internal/automaton":               {},
	"internal/automaton/automatontest": {},
	"tokens":                           {"internal/awscall", "internal/background", "internal/outage", "internal/redact"},
	"session":                          {"internal/clockcache", "internal/recent", "session/internal/refresh", "tokens", "internal/configerr", "internal/cookie", "internal/hosts", "internal/page", "internal/percent", "internal/seal", "internal/sealedcookie"},
	"session/internal/refresh":         {"tokens", "internal/awscall", "internal/background", "internal/outage", "internal/recent", "internal/seal"},
	"session/dynamostore":              {"session"},
	"session/redisstore":               {"session"},
	"session/storetest":                {"session"},
	"middleware":                       {"internal/automaton", "internal/background", "internal/configerr", "internal/percent", "internal/recent", "matcher", "session", "tokens", "internal/cookie", "internal/page", "internal/seal"},
	"middleware/otelhooks":             {"middleware", "session", "tokens"},
	"identity":                         {"internal/background", "internal/configerr", "internal/outage", "internal/recent", "internal/awscall", "session", "tokens", "internal/hosts"},
	"appsync":                          {"internal/awscall", "identity", "session", "internal/hosts"},
	"cognitotest":                      {"middleware", "session", "tokens", "internal/cookie", "internal/sealedcookie", "internal/sigv4"},
	"internal/configerr":               {"tokens"},
	"internal/awscall":                 {"internal/redact"},
	"internal/background":              {"internal/redact"},
	"internal/redact":                  {},
	"internal/clockcache":              {},
	"internal/cookie":                  {"internal/percent"},
	"internal/emulatortest":            {},
	"internal/hosts":                   {},
	"internal/browsertest":             {"internal/longtest"},
	"internal/longtest":                {},
	"internal/proxytest":               {},
	"internal/redistest":               {"internal/longtest"},
	"internal/replicatest":             {},
	"internal/repotest":                {},
	"internal/outage":                  {"internal/awscall"},
	"internal/page":                    {},
	"internal/percent":                 {},
	"internal/recent":                  {},
	"internal/sdktest":                 {},
	"internal/seal":                    {},
	"internal/sealedcookie":            {"internal/cookie", "internal/seal"},
	"internal/sigv4":                   {},
}

// thirdPartyImporters lists, for each dependency, the packages that may import it. Few
// do, so that a new major version of it changes few packages.
var thirdPartyImporters = map[string][]string{
	"github.com/lestrrat-go/jwx/": {"tokens"},
	"github.com/aws/":             {"internal/awscall", "tokens", "identity", "internal/sigv4", "session/dynamostore", "examples/chi-app"},
	"github.com/alicebob/":        {"examples/chi-app"},
	"github.com/chromedp/":        {"internal/browsertest"},
	"github.com/go-chi/chi/":      {"middleware", "cognitotest", "examples/chi-app"},
	"github.com/gorilla/":         {"internal/seal"},
	"github.com/redis/":           {"session/redisstore", "internal/redistest", "examples/chi-app"},
	"github.com/prometheus/":      {"examples/chi-app"},
	"golang.org/x/net/":           {"internal/cookie"},

	// The API of OpenTelemetry. Its SDK and its exporter are the program's.
	"go.opentelemetry.io/otel/attribute":  {"middleware/otelhooks", "examples/chi-app"},
	"go.opentelemetry.io/otel/codes":      {"middleware/otelhooks"},
	"go.opentelemetry.io/otel/exporters/": {"examples/chi-app"},
	"go.opentelemetry.io/otel/metric":     {"middleware/otelhooks"},
	"go.opentelemetry.io/otel/sdk/":       {"examples/chi-app"},
	"go.opentelemetry.io/otel/trace":      {"middleware/otelhooks"},

	"golang.org/x/oauth2": {"tokens", "middleware"},
	"golang.org/x/time/":  {"middleware", "session", "session/internal/refresh"},
}

// jwxFiles are the only files of package tokens that may import jwx.
var jwxFiles = []string{"tokens/keyset.go", "tokens/verifier.go"}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		rule, known := allowedImports[pkg]
		example := strings.HasPrefix(pkg, "examples/")
		if !known && !example {
			t.Errorf("%s has no line in allowedImports", pkg)
		}
		for _, imp := range fields[1:] {
			if ours, ok := strings.CutPrefix(imp, module); ok {
				if !example && !slices.Contains(rule, ours) {
					t.Errorf("%s imports %s, which allowedImports does not list", pkg, ours)
				}
			} else if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !mayImport(pkg, imp) {
				t.Errorf("%s imports %s, which thirdPartyImporters does not list", pkg, imp)
			}
		}
	}
}

func mayImport(pkg, imp string) bool {
	for prefix, packages := range thirdPartyImporters {
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
			t.Errorf("%s imports jwx, which only %v may", name, jwxFiles)
		}
	}
}
