package proxytest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser is an HTTP client with cookies. It reaches the site through a proxy, and the
// managed login without a network.
type browser struct {
	*testing.T
	client *http.Client
	header http.Header // of each request
	sizes  []int       // of the header of each answer of the site
}

// answer is the last answer of a navigation.
type answer struct {
	*http.Response
	body string
}

// newBrowser returns a browser that speaks HTTP/2 or HTTP/1.1 only.
func newBrowser(t *testing.T, s *site, p *proxy, http2 bool) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.certificate)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	addresses := map[string]string{host + ":80": p.http, host + ":443": p.https}
	toSite := &http.Transport{
		Protocols:       protocols,
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, p.network, addresses[address])
		},
	}
	t.Cleanup(toSite.CloseIdleConnections)
	b := &browser{T: t}
	b.client = &http.Client{Jar: jar, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != host {
			return s.server.Client().Transport.RoundTrip(r)
		}
		resp, err := toSite.RoundTrip(r)
		if err == nil {
			var header bytes.Buffer
			resp.Header.Write(&header)
			b.sizes = append(b.sizes, header.Len())
		}
		return resp, err
	})}
	return b
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// navigate opens a URL, or sends a form there, and follows redirects.
func (b *browser) navigate(target string, form url.Values) answer {
	b.Helper()
	method := "GET"
	if form != nil {
		method = "POST"
	}
	r, err := http.NewRequestWithContext(b.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	maps.Copy(r.Header, b.header)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return answer{resp, string(body)}
}

var csrfField = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)

// signIn opens a path, and fills in the managed login, to which that leads.
func (b *browser) signIn(path, username string) answer {
	b.Helper()
	page := b.navigate(origin+path, nil)
	csrf := csrfField.FindStringSubmatch(page.body)
	if csrf == nil {
		b.Fatalf("no login at %s: %d %.300s", page.Request.URL, page.StatusCode, page.body)
	}
	return b.navigate(page.Request.URL.String(), url.Values{
		"_csrf": {html.UnescapeString(csrf[1])}, "username": {username}, "password": {password},
	})
}

// signOut sends the form of the sign-out.
func (b *browser) signOut() answer {
	b.Helper()
	return b.navigate(origin+"/api/auth/sign-out", url.Values{})
}

// expect checks the last answer of a navigation.
func (b *browser) expect(got answer, status int, body string) {
	b.Helper()
	if got.StatusCode != status || !strings.Contains(got.body, body) {
		b.Fatalf("at %s: %d %.300s\nwant %d with %q", got.Request.URL, got.StatusCode, got.body, status, body)
	}
}

// cookies returns the site's cookies.
func (b *browser) cookies() []*http.Cookie {
	return b.client.Jar.Cookies(&url.URL{Scheme: "https", Host: host, Path: "/"})
}

// cookie returns the value of the cookie whose name ends in suffix.
func (b *browser) cookie(suffix string) string {
	for _, c := range b.cookies() {
		if strings.HasSuffix(c.Name, suffix) {
			return c.Value
		}
	}
	return ""
}

// cookieLine returns the size of the Cookie line.
func (b *browser) cookieLine() (size int) {
	for _, c := range b.cookies() {
		size += len(c.Name) + len("=") + len(c.Value) + len("; ")
	}
	return size + len("Cookie: ")
}

// largest returns the size of the largest header since the last call.
func (b *browser) largest() (size int) {
	for _, s := range b.sizes {
		size = max(size, s)
	}
	b.sizes = nil
	return size
}
