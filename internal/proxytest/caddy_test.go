package proxytest_test

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// caddyOptions go in front of the documented site. Caddy takes no open port over, so it
// listens on a socket in the directory of the test. Nothing is fetched: the certificate is
// in a file. The documented site gets both lines.
const (
	caddyOptions = `
{
	admin off
	auto_https disable_redirects
	servers {
		protocols h1 h2
	}
}
`
	caddySite = `app.example.com {
	bind unix/DIR/https.sock
	tls DIR/site.pem DIR/site.key
`
)

// startCaddy starts Caddy with a documented site in front of the handler.
func startCaddy(t *testing.T, documented string, handler http.Handler) *proxy {
	t.Helper()
	program := findProgram(t, "caddy")
	upstream := startUpstream(t, handler)
	dir, err := os.MkdirTemp("", "caddy") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &proxy{network: "unix", https: filepath.Join(dir, "https.sock")}
	p.certificate = writeCertificate(t, filepath.Join(dir, "site"))

	config := replaceOnce(t, documented, "127.0.0.1:8080", upstream)
	config = replaceOnce(t, config, "app.example.com {\n", strings.ReplaceAll(caddySite, "DIR", dir))
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyOptions+config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.log.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "serving initial configuration") {
				close(ready)
			}
		}
	}()
	p.run(t, cmd, read)
	select {
	case <-ready:
	case <-p.exited:
		t.Fatalf("Caddy ended with %v", p.err)
	case <-time.After(10 * time.Second):
		t.Fatal("Caddy does not start")
	}
	return p
}
