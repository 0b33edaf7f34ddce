package nginxtest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// mainConfig is the rest of an nginx.conf, with the documented servers at DOCUMENTED.
// nginx ignores the line "user" unless root starts it. Another site has the same ports,
// and is their default, as in Debian.
const mainConfig = `
daemon off;
user root;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	proxy_cache_path cache keys_zone=pages:1m;
	server {
		listen HTTP default_server;
		listen HTTPS ssl default_server;
		ssl_certificate site.pem;
		ssl_certificate_key site.key;
		return 404;
	}
DOCUMENTED
}
`

// documentedServers returns the nginx configuration of docs/proxies.md.
func documentedServers(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```nginx\n")
	servers, rest, ok := strings.Cut(rest, "```")
	if !ok || strings.Contains(rest, "```nginx\n") {
		t.Fatal("docs/proxies.md has not exactly one nginx block")
	}
	return servers
}

// without returns a configuration without its only directive of this name.
func without(t *testing.T, config, directive string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(config) {
		if !strings.HasPrefix(strings.TrimSpace(line), directive+" ") {
			lines = append(lines, line)
		}
	}
	if removed := strings.Count(config, "\n") - len(lines); removed != 1 {
		t.Fatalf("docs/proxies.md has %d directives %s", removed, directive)
	}
	return strings.Join(lines, "")
}

// replaceOnce replaces a text that the configuration has once.
func replaceOnce(t *testing.T, config, old, replacement string) string {
	t.Helper()
	if n := strings.Count(config, old); n != 1 {
		t.Fatalf("docs/proxies.md has %q %d times", old, n)
	}
	return strings.Replace(config, old, replacement, 1)
}

// nginx is a running nginx.
type nginx struct {
	http, https string // addresses
	certificate *x509.Certificate
	log         bytes.Buffer
	exited      chan struct{} // closed when log is complete
	err         error         // of the process, after exited
}

// startNginx starts nginx with servers in front of the handler.
func startNginx(t *testing.T, servers string, handler http.Handler) *nginx {
	t.Helper()
	program := findNginx(t)
	upstream := httptest.NewServer(handler)
	t.Cleanup(upstream.Close)
	n := &nginx{exited: make(chan struct{})}
	dir := t.TempDir()
	n.certificate = writeCertificate(t, filepath.Join(dir, "site"))

	cmd := exec.CommandContext(t.Context(), program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdout, cmd.Stderr = &n.log, &n.log
	// nginx takes open sockets over as when its program is replaced. So the ports are
	// ours all the time, and clients can connect before nginx is ready.
	cmd.Env = append(os.Environ(), "NGINX=3;4;")
	n.http, n.https = openPort(t, cmd), openPort(t, cmd)

	servers = replaceOnce(t, servers, "listen 80;", "listen HTTP;")
	servers = replaceOnce(t, servers, "listen 443 ", "listen HTTPS ")
	servers = replaceOnce(t, servers, "http://127.0.0.1:8080", upstream.URL)
	servers = replaceOnce(t, servers, "/etc/ssl/certs/app.example.com.pem", "site.pem")
	servers = replaceOnce(t, servers, "/etc/ssl/private/app.example.com.key", "site.key")
	config := strings.Replace(mainConfig, "DOCUMENTED", servers, 1)
	config = strings.NewReplacer("HTTPS", n.https, "HTTP", n.http).Replace(config)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, file := range cmd.ExtraFiles {
		file.Close()
	}
	go func() {
		n.err = cmd.Wait()
		close(n.exited)
	}()
	t.Cleanup(func() { // t.Context has ended
		<-n.exited
		if t.Failed() {
			t.Logf("nginx: %v\n%s", n.err, &n.log)
		}
	})
	return n
}

// findNginx returns the path of nginx. Debian's is not in the PATH of most users.
func findNginx(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	longtest.CannotRun(t, "no nginx is installed, so the configuration of docs/proxies.md is not tested")
	return ""
}

// openPort hands an open port of loopback to a command, and returns its address.
func openPort(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	return listener.Addr().String()
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
