package proxytest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// serveEvents streams the site's events, one at a time.
func (s *site) serveEvents(w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	controller.Flush()
	for {
		select {
		case event := <-s.events:
			fmt.Fprintf(w, "data: %s\n", event)
			controller.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// serveUpgrade upgrades to a protocol that sends lines back.
func serveUpgrade(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	line, err := rw.ReadString('\n')
	if err == nil {
		fmt.Fprint(conn, "echo "+line)
	}
}

// startWithUpgrades starts a proxy as docs/streams.md wants it for WebSockets.
func startWithUpgrades(t *testing.T, name string, s *site) *proxy {
	t.Helper()
	if name == "caddy" {
		return startCaddy(t, documentedBlock(t, "proxies.md", "caddyfile"), s)
	}
	servers := documentedBlock(t, "proxies.md", "nginx")
	end := strings.LastIndex(servers, "}")
	return startNginx(t, servers[:end]+documentedBlock(t, "streams.md", "nginx")+servers[end:], s)
}

// TestStreamsPass sends events through a proxy, each before the next one is there, and an
// upgrade of a session that has expired.
func TestStreamsPass(t *testing.T) {
	longtest.Only(t)
	for _, program := range proxies {
		t.Run(program.name, func(t *testing.T) {
			s := newSite(t)
			p := startWithUpgrades(t, program.name, s)
			b := newBrowser(t, s, p, false)
			b.expect(b.signIn("/", "grace"), 200, "Hello, grace")
			t.Run("events", func(t *testing.T) { testEvents(t, s, b) })
			s.advance(2 * time.Hour)
			t.Run("upgrade", func(t *testing.T) { testUpgrade(t, p, b) })
		})
	}
}

func testEvents(t *testing.T, s *site, b *browser) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", origin+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for _, event := range []string{"one", "two"} {
		select {
		case s.events <- event:
		case <-ctx.Done():
			t.Fatal("the site does not stream")
		}
		if line, err := lines.ReadString('\n'); err != nil || line != "data: "+event+"\n" {
			t.Fatalf("event %s: %q, %v", event, line, err)
		}
	}
}

func testUpgrade(t *testing.T, p *proxy, b *browser) {
	roots := x509.NewCertPool()
	roots.AddCert(p.certificate)
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: &tls.Config{RootCAs: roots, ServerName: host}}
	conn, err := dialer.DialContext(t.Context(), p.network, p.https)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", origin+"/ws/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Fetch-Mode": {"websocket"}}
	for _, c := range b.cookies() {
		r.AddCookie(c)
	}
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(conn)
	resp, err := http.ReadResponse(read, r)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	if !slices.ContainsFunc(resp.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, ".accessToken") }) {
		t.Error("the refreshed cookies are not on the 101")
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := read.ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Errorf("%q, %v", line, err)
	}
}
