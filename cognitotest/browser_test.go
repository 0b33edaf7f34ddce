package cognitotest_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser stores cookies, and follows redirects until one leads to the app.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T, client *http.Client) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *client
	c.Jar = jar
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &browser{t, &c}
}

// page is what the browser shows: a page of the managed login, or the redirect to
// the app.
type page struct {
	status int
	url    *url.URL
	header http.Header
	body   string
	app    *url.URL
}

func (b *browser) do(r *http.Request, err error) *page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	p := &page{status: resp.StatusCode, url: resp.Request.URL, header: resp.Header, body: string(body)}
	if resp.StatusCode/100 == 3 {
		if p.app, err = resp.Location(); err != nil {
			b.t.Fatal(err)
		}
	}
	return p
}

func (b *browser) get(u string) *page {
	b.t.Helper()
	return b.do(http.NewRequest("GET", u, nil))
}

var (
	formTag   = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	hiddenTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	linkTag   = regexp.MustCompile(`<a (?:class="button" )?href="([^"]*)">([^<]*)</a>`)
)

// submit fills in the form of p and sends it.
func (b *browser) submit(p *page, fields ...string) *page {
	b.t.Helper()
	action := formTag.FindStringSubmatch(p.body)
	if action == nil {
		b.t.Fatalf("no form on %s: status %d, %s", p.url, p.status, p.body)
	}
	values := url.Values{}
	for _, m := range hiddenTag.FindAllStringSubmatch(p.body, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequest("POST", b.resolve(p, action[1]), strings.NewReader(values.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.do(r, err)
}

// click follows the link of that text.
func (b *browser) click(p *page, text string) *page {
	b.t.Helper()
	for _, m := range linkTag.FindAllStringSubmatch(p.body, -1) {
		if html.UnescapeString(m[2]) == text {
			return b.get(b.resolve(p, m[1]))
		}
	}
	b.t.Fatalf("no link %q on %s", text, p.url)
	return nil
}

func (b *browser) resolve(p *page, ref string) string {
	b.t.Helper()
	u, err := p.url.Parse(html.UnescapeString(ref))
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

// code checks that the page is a redirect to the app with this state, and returns
// the code.
func (p *page) code(t *testing.T, state string) string {
	t.Helper()
	if p.app == nil {
		t.Fatalf("on %s: status %d, %s", p.url, p.status, p.body)
	}
	q := p.app.Query()
	if !strings.HasPrefix(p.app.String(), callback+"?") || q.Get("code") == "" || q.Get("state") != state {
		t.Fatalf("sent to %s, want a code and the state %q", p.app, state)
	}
	return q.Get("code")
}

// wantError checks that the page is a redirect to the app with an error.
func (p *page) wantError(t *testing.T, code, state string) {
	t.Helper()
	if p.app == nil {
		t.Fatalf("on %s: status %d", p.url, p.status)
	}
	q := p.app.Query()
	if q.Get("error") != code || q.Get("state") != state || q.Has("code") {
		t.Errorf("sent to %s, want the error %s", p.app, code)
	}
}
