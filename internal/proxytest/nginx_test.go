package proxytest_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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

// startNginx starts nginx with servers in front of the handler.
func startNginx(t *testing.T, servers string, handler http.Handler) *proxy {
	t.Helper()
	program := findProgram(t, "nginx")
	upstream := startUpstream(t, handler)
	p := &proxy{network: "tcp"}
	dir := t.TempDir()
	p.certificate = writeCertificate(t, filepath.Join(dir, "site"))

	cmd := exec.CommandContext(t.Context(), program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr")
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	// nginx takes open sockets over as when its program is replaced. So the ports are
	// ours all the time, and clients can connect before nginx is ready.
	cmd.Env = append(os.Environ(), "NGINX=3;4;")
	p.http, p.https = openPort(t, cmd), openPort(t, cmd)

	servers = replaceOnce(t, servers, "listen 80;", "listen HTTP;")
	servers = replaceOnce(t, servers, "listen 443 ", "listen HTTPS ")
	servers = strings.ReplaceAll(servers, "127.0.0.1:8080", upstream)
	servers = replaceOnce(t, servers, "/etc/ssl/certs/app.example.com.pem", "site.pem")
	servers = replaceOnce(t, servers, "/etc/ssl/private/app.example.com.key", "site.key")
	config := strings.Replace(mainConfig, "DOCUMENTED", servers, 1)
	config = strings.NewReplacer("HTTPS", p.https, "HTTP", p.http).Replace(config)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, cmd, nil)
	return p
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
