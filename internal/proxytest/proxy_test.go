package proxytest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// proxy is a running proxy in front of a site.
type proxy struct {
	network     string // of both addresses
	http, https string // http is empty if the proxy has none
	certificate *x509.Certificate
	log         bytes.Buffer
	exited      chan struct{} // closed when log is complete
	err         error         // of the process, after exited
}

// proxies start the programs whose configuration docs/proxies.md has.
var proxies = []struct {
	name  string
	start func(*testing.T, http.Handler) *proxy
}{
	{"nginx", func(t *testing.T, handler http.Handler) *proxy {
		return startNginx(t, documentedBlock(t, "proxies.md", "nginx"), handler)
	}},
	{"caddy", func(t *testing.T, handler http.Handler) *proxy {
		return startCaddy(t, documentedBlock(t, "proxies.md", "caddyfile"), handler)
	}},
}

// documentedBlock returns the only block of a page of docs/ in a language.
func documentedBlock(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	start := "```" + language + "\n"
	_, rest, _ := strings.Cut(string(text), start)
	block, rest, ok := strings.Cut(rest, "```")
	if !ok || strings.Contains(rest, start) {
		t.Fatalf("docs/%s has not exactly one %s block", page, language)
	}
	return block
}

// replaceOnce replaces a text that the configuration has once.
func replaceOnce(t *testing.T, config, old, replacement string) string {
	t.Helper()
	if n := strings.Count(config, old); n != 1 {
		t.Fatalf("the documented configuration has %q %d times", old, n)
	}
	return strings.Replace(config, old, replacement, 1)
}

// findProgram returns the path of a program. Debian's nginx is not in the PATH of most users.
func findProgram(t *testing.T, name string) string {
	t.Helper()
	for _, file := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	longtest.CannotRun(t, "no "+name+" is installed, so its configuration in docs/proxies.md is not tested")
	return ""
}

// run starts the program, which ends with the test. read is closed when the test has read
// all that the program writes to a pipe, or is nil.
func (p *proxy) run(t *testing.T, cmd *exec.Cmd, read <-chan struct{}) {
	t.Helper()
	p.exited = make(chan struct{})
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, file := range cmd.ExtraFiles {
		file.Close()
	}
	go func() {
		if read != nil {
			<-read
		}
		p.err = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() { // t.Context has ended
		<-p.exited
		if t.Failed() {
			t.Logf("%s: %v\n%s", cmd.Path, p.err, &p.log)
		}
	})
}

// startUpstream starts the site, and returns its address.
func startUpstream(t *testing.T, handler http.Handler) string {
	t.Helper()
	upstream := httptest.NewServer(handler)
	t.Cleanup(upstream.Close)
	return upstream.Listener.Addr().String()
}

// writeCertificate writes the certificate of package httptest, which is valid for
// *.example.com, to path.pem and its key to path.key.
func writeCertificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	certificate := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		path + ".pem": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		path + ".key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return server.Certificate()
}
