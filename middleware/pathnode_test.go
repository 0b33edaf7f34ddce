package middleware_test

import (
	"bufio"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// startNode starts testdata/nodepaths.mjs.
func startNode(t *testing.T, args ...string) (stdin io.WriteCloser, stdout *bufio.Reader) {
	t.Helper()
	longtest.Only(t)
	node, err := exec.LookPath("node")
	if err != nil {
		longtest.CannotRun(t, "node is not installed")
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{"testdata/nodepaths.mjs"}, args...)...)
	stdin, err = cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return stdin, bufio.NewReaderSize(out, 1<<20)
}

// checkNodePaths routes the paths that Node.js has found in a target, as they are and
// cleaned.
func checkNodePaths(t *testing.T, router http.Handler, target string, answer []byte) {
	t.Helper()
	var paths []string
	if err := json.Unmarshal(answer, &paths); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	for _, p := range paths {
		for _, p := range []string{p, path.Clean("/" + p)} {
			r := &http.Request{Method: "GET", URL: &url.URL{Path: p}}
			if ran(router, r).Get("Ran") == "private" {
				t.Errorf("%q is %q to Node.js", target, p)
			}
		}
	}
}

// TestNodeReadsNoPrivatePath: no target that a guard lets through has a private path to
// a server in Node.js.
func TestNodeReadsNoPrivatePath(t *testing.T) {
	stdin, stdout := startNode(t)
	guards := formGuards(t, publicRoute)
	var targets []string
	random := rand.New(rand.NewPCG(3, 4))
	for range 300_000 {
		target := randomTarget(random)
		if r, ok := parseRequest("GET", target); ok && ran(guards[random.IntN(len(guards))], r).Get("Ran") != "" {
			targets = append(targets, r.RequestURI)
		}
	}
	for _, target := range formTargets {
		for _, guard := range guards {
			if r, ok := parseRequest("GET", target); ok && ran(guard, r).Get("Ran") != "" {
				targets = append(targets, r.RequestURI)
			}
		}
	}
	t.Logf("%d targets are let through", len(targets))
	go func() {
		defer stdin.Close()
		encoder := json.NewEncoder(stdin)
		for _, target := range targets {
			if encoder.Encode(target) != nil {
				return // the reader of the answers reports it
			}
		}
	}()
	router := backendRouter()
	for _, target := range targets {
		answer, err := stdout.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		checkNodePaths(t, router, target, answer)
	}
}

// TestNodeServesNoPrivatePath does the same over HTTP, behind a ReverseProxy.
func TestNodeServesNoPrivatePath(t *testing.T) {
	_, stdout := startNode(t, "serve")
	port, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(mustParse("http://127.0.0.1:" + strings.TrimSpace(port)))
	guards, router := formGuards(t, proxy), backendRouter()
	random := rand.New(rand.NewPCG(5, 6))
	for served := 0; served < 1000; {
		target := randomTarget(random)
		r, ok := parseRequest("GET", target)
		if !ok {
			continue
		}
		w := httptest.NewRecorder()
		if guards[random.IntN(len(guards))].ServeHTTP(w, r); w.Code == http.StatusOK && w.Body.Len() > 0 {
			checkNodePaths(t, router, target, w.Body.Bytes())
			served++
		}
	}
}

// formGuards are the guards of formMatchers before a handler.
func formGuards(t *testing.T, next http.Handler) (guards []http.Handler) {
	t.Helper()
	for _, auth := range formAuths(t) {
		guards = append(guards, auth.Protect(next))
	}
	return guards
}
