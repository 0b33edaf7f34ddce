package proxytest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// TestDocumentedConfiguration signs users in, refreshes their sessions, and signs them
// out, all through a proxy as docs/proxies.md sets it up.
func TestDocumentedConfiguration(t *testing.T) {
	longtest.Only(t)
	for _, program := range proxies {
		t.Run(program.name, func(t *testing.T) {
			s := newSite(t)
			p := program.start(t, s)
			for _, http2 := range []bool{false, true} {
				for _, username := range []string{"ada", "grace"} {
					t.Run(fmt.Sprintf("%s HTTP2=%t", username, http2), func(t *testing.T) {
						testVisit(t, s, newBrowser(t, s, p, http2), username, http2)
					})
				}
			}
		})
	}
}

// testVisit is one user's visit, from sign-in to sign-out.
func testVisit(t *testing.T, s *site, b *browser, username string, http2 bool) {
	refreshes := s.server.Calls("GetTokensFromRefreshToken")
	page := b.signIn("/a%2Fb?q=1", username)
	b.expect(page, 200, "Hello, "+username+" at /a%2Fb?q=1")
	if page.ProtoMajor == 2 != http2 {
		t.Fatalf("the proxy speaks %s", page.Proto)
	}
	t.Logf("a sign-in sends %d bytes, and the browser %d", b.largest(), b.cookieLine())
	if size := b.cookieLine(); username == "grace" && size < 9<<10 {
		t.Errorf("the Cookie line has %d bytes, which show nothing", size)
	}
	for _, c := range b.cookies() {
		if size := len(c.Name) + len(c.Value); size > 4096 {
			t.Errorf("%s: no browser keeps a cookie of %d bytes", c.Name, size)
		}
	}

	old := b.cookie(".accessToken")
	s.advance(2 * time.Hour)
	b.expect(b.navigate(origin+"/again", nil), 200, "Hello, "+username+" at /again")
	t.Logf("a refresh sends %d bytes", b.largest())
	if fresh := b.cookie(".accessToken"); fresh == old || fresh == "" {
		t.Error("the refreshed cookies have not arrived")
	}
	b.expect(b.navigate(origin+"/again", nil), 200, "Hello, "+username)
	if n := s.server.Calls("GetTokensFromRefreshToken") - refreshes; n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}

	b.expect(b.signOut(), 200, "Bye")
	t.Logf("a sign-out sends %d bytes", b.largest())
	if cookies := b.cookies(); len(cookies) > 0 {
		t.Errorf("the sign-out leaves %v", cookies)
	}
}

// TestClientAddress: a client cannot write the header that Config.ClientAddress reads.
func TestClientAddress(t *testing.T) {
	longtest.Only(t)
	for _, program := range proxies {
		t.Run(program.name, func(t *testing.T) {
			s := newSite(t)
			p := program.start(t, s)
			b := newBrowser(t, s, p, false)
			b.header = http.Header{"X-Forwarded-For": {"192.0.2.66", "192.0.2.67"}}
			page := b.navigate(origin+"/address", nil)
			want := "127.0.0.1"
			if p.network == "unix" {
				want = "invalid IP" // a client on a socket has no address
			}
			b.expect(page, 200, want)
			if page.body != want {
				t.Errorf("the site sees %q", page.body)
			}
		})
	}
}

// TestPlainHTTPIsRedirected: browsers send Secure cookies with TLS only.
func TestPlainHTTPIsRedirected(t *testing.T) {
	longtest.Only(t)
	s := newSite(t)
	b := newBrowser(t, s, startNginx(t, documentedBlock(t, "proxies.md", "nginx"), s), false)
	page := b.navigate("http://"+host+"/bye", nil)
	b.expect(page, 200, "Bye")
	if at := page.Request.URL.String(); at != origin+"/bye" {
		t.Errorf("at %s", at)
	}
}

// TestEveryDirectiveIsNeeded changes one directive at a time. So the tests above can fail.
func TestEveryDirectiveIsNeeded(t *testing.T) {
	longtest.Only(t)
	s := newSite(t)
	documented := documentedBlock(t, "proxies.md", "nginx")
	t.Run("nginx's own buffers for responses", func(t *testing.T) {
		servers := without(t, without(t, documented, "proxy_buffer_size"), "proxy_buffers")
		b := newBrowser(t, s, startNginx(t, servers, s), false)
		b.expect(b.signIn("/", "ada"), http.StatusBadGateway, "nginx")
	})
	t.Run("proxy_buffer_size", func(t *testing.T) {
		b := newBrowser(t, s, startNginx(t, without(t, documented, "proxy_buffer_size"), s), false)
		b.expect(b.signIn("/", "ada"), http.StatusBadGateway, "nginx")
	})
	t.Run("proxy_buffers", func(t *testing.T) {
		n := startNginx(t, without(t, documented, "proxy_buffers"), s)
		select {
		case <-n.exited:
			if n.err == nil || !strings.Contains(n.log.String(), `"proxy_busy_buffers_size" must be less than`) {
				t.Errorf("nginx ended with %v\n%s", n.err, &n.log)
			}
		case <-time.After(10 * time.Second):
			t.Error("nginx starts")
		}
	})
	t.Run("large_client_header_buffers", func(t *testing.T) {
		b := newBrowser(t, s, startNginx(t, without(t, documented, "large_client_header_buffers"), s), false)
		b.expect(b.signIn("/", "grace"), http.StatusBadRequest, "Request Header Or Cookie Too Large")
	})
	t.Run("proxy_set_header Host", func(t *testing.T) {
		b := newBrowser(t, s, startNginx(t, without(t, documented, "proxy_set_header Host"), s), false)
		b.expect(b.signIn("/", "ada"), 200, "Hello, ada")
		b.expect(b.signOut(), http.StatusForbidden, "cross-origin")
	})
	t.Run("proxy_set_header X-Forwarded-For", func(t *testing.T) {
		b := newBrowser(t, s, startNginx(t, without(t, documented, "proxy_set_header X-Forwarded-For"), s), false)
		b.header = http.Header{"X-Forwarded-For": {"192.0.2.66"}}
		b.expect(b.navigate(origin+"/address", nil), 200, "192.0.2.66")
	})
	t.Run("proxy_pass without a path", func(t *testing.T) {
		servers := replaceOnce(t, documented, "http://127.0.0.1:8080;", "http://127.0.0.1:8080/;")
		b := newBrowser(t, s, startNginx(t, servers, s), false)
		b.expect(b.signIn("/a%2Fb", "ada"), 200, "Hello, ada at /a/b")
	})
}

// TestCacheKeepsNoPrivateAnswer turns nginx's cache on for everything.
func TestCacheKeepsNoPrivateAnswer(t *testing.T) {
	longtest.Only(t)
	s := newSite(t)
	servers := replaceOnce(t, documentedBlock(t, "proxies.md", "nginx"), "location / {", `location / {
		proxy_cache pages;
		proxy_cache_valid any 10m;
		add_header X-Cache $upstream_cache_status always;`)
	n := startNginx(t, servers, s)
	ada, grace, nobody := newBrowser(t, s, n, true), newBrowser(t, s, n, true), newBrowser(t, s, n, true)
	nobody.navigate(origin+"/bye", nil)
	if page := nobody.navigate(origin+"/bye", nil); page.Header.Get("X-Cache") != "HIT" {
		t.Errorf("the cache is off: %v", page.Header)
	}
	ada.expect(ada.signIn("/page", "ada"), 200, "Hello, ada")
	grace.expect(grace.signIn("/page", "grace"), 200, "Hello, grace")
	s.advance(2 * time.Hour)
	for range 2 { // a refresh, and none
		for b, username := range map[*browser]string{ada: "ada", grace: "grace"} {
			page := b.navigate(origin+"/page", nil)
			b.expect(page, 200, "Hello, "+username)
			if page.Header.Get("X-Cache") != "MISS" {
				t.Errorf("%s: %v", username, page.Header)
			}
		}
	}
	if page := nobody.navigate(origin+"/page", nil); page.Request.URL.Host == host {
		t.Errorf("nobody is at %s: %d %s", page.Request.URL, page.StatusCode, page.body)
	}
}
