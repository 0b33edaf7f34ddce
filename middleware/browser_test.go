package middleware_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// browser simulates a browser: it keeps cookies, follows redirects and refreshes, sends
// forms and Fetch Metadata. It knows our sites and the managed login.
type browser struct {
	*testing.T
	site *testEnv
	jar  *cookiejar.Jar

	strict          map[string]bool         // names of SameSite=Strict cookies
	others          map[string]http.Handler // further sites by their hosts
	dropsCookie     func(*http.Cookie) bool // cookies that it does not keep
	sendsNoMetadata bool                    // it sends no Fetch Metadata

	url     *url.URL // the page it shows
	status  int
	body    string
	header  http.Header
	visited []string // the URLs of the last navigation
}

func newBrowser(env *testEnv) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		env.Fatal(err)
	}
	return &browser{T: env.T, site: env, jar: jar, strict: make(map[string]bool)}
}

// send sends one request with the cookies that a browser would send.
func (b *browser) send(r *http.Request, crossSite bool) *http.Response {
	b.Helper()
	for _, c := range b.jar.Cookies(r.URL) {
		if !crossSite || !b.strict[c.Name] {
			r.AddCookie(c)
		}
	}
	var resp *http.Response
	handler := b.others[r.URL.Host]
	if "https://"+r.URL.Host == origin {
		handler = b.site.handler
	}
	if handler != nil {
		w := httptest.NewRecorder()
		r.RequestURI, r.Host = r.URL.RequestURI(), r.URL.Host
		if r.Body == nil {
			r.Body = http.NoBody
		}
		handler.ServeHTTP(w, r)
		resp = w.Result()
	} else {
		client := b.site.server.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		var err error
		if resp, err = client.Do(r); err != nil {
			b.Fatal(err)
		}
	}
	var accepted []*http.Cookie
	for _, c := range resp.Cookies() {
		if strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != "") {
			b.Errorf("no browser takes %s", c.Name)
			continue
		}
		if len(c.Name)+len(c.Value) > 4096 || b.dropsCookie != nil && b.dropsCookie(c) {
			continue
		}
		b.strict[c.Name] = c.SameSite == http.SameSiteStrictMode
		accepted = append(accepted, c)
	}
	b.jar.SetCookies(r.URL, accepted)
	return resp
}

// navigate goes to a target and follows redirects and refreshes. from is the origin of
// the link or the form; it is empty for the address bar.
func (b *browser) navigate(method, target, from string, form url.Values) {
	b.Helper()
	b.visited = nil
	site := "none"
	if from != "" {
		site = "same-origin"
	}
	for range 20 {
		u, err := url.Parse(target)
		if err != nil {
			b.Fatal(err)
		}
		if b.url != nil {
			u = b.url.ResolveReference(u)
		}
		// One redirect to another site makes the whole chain cross-site, unless the
		// user has typed the first URL.
		switch {
		case site == "none" || site == "cross-site" || "https://"+u.Host == from:
		case strings.HasSuffix(u.Host, ".example.com") && strings.HasSuffix(from, ".example.com"):
			site = "same-site"
		default:
			site = "cross-site"
		}
		r, err := http.NewRequest(method, u.String(), strings.NewReader(form.Encode()))
		if err != nil {
			b.Fatal(err)
		}
		if method == "POST" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", formOrigin(from, b.header))
		}
		r.Header.Set("Accept", "text/html,*/*;q=0.8")
		if !b.sendsNoMetadata {
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("Sec-Fetch-Dest", "document")
			r.Header.Set("Sec-Fetch-Site", site)
		}
		resp := b.send(r, site == "cross-site")
		b.url, b.status, b.header = u, resp.StatusCode, resp.Header
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			b.Fatal(err)
		}
		b.body = string(text)
		b.visited = append(b.visited, u.String())
		switch location := resp.Header.Get("Location"); {
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			if resp.StatusCode != http.StatusTemporaryRedirect {
				method, form = "GET", nil
			}
			target = location
		default:
			m := metaRefresh.FindStringSubmatch(b.body)
			if m == nil {
				return
			}
			target, method, form = html.UnescapeString(m[1]), "GET", nil
			from, site = "https://"+u.Host, "same-origin"
		}
	}
	b.Fatalf("redirected for ever: %q", b.visited)
}

// formOrigin returns the Origin header of a form on a page (Fetch §3.1).
func formOrigin(from string, page http.Header) string {
	if page.Get("Referrer-Policy") == "no-referrer" {
		return "null"
	}
	return from
}

var (
	metaRefresh = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)"`)
	csrfField   = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)
)

// openURL goes to a path or a URL that the user types.
func (b *browser) openURL(target string) {
	b.Helper()
	if strings.HasPrefix(target, "/") {
		target = origin + target
	}
	b.navigate("GET", target, "", nil)
}

// followLink follows a link of the page.
func (b *browser) followLink(target string) {
	b.Helper()
	b.navigate("GET", target, "https://"+b.url.Host, nil)
}

// submitForm sends the page's form.
func (b *browser) submitForm(target string, fields ...string) {
	b.Helper()
	form := url.Values{}
	if m := csrfField.FindStringSubmatch(b.body); m != nil {
		form.Set("_csrf", html.UnescapeString(m[1]))
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	b.navigate("POST", target, "https://"+b.url.Host, form)
}

// fillInLogin sends the managed login's form.
func (b *browser) fillInLogin(user string) {
	b.Helper()
	if b.url.Path != "/login" {
		b.Fatalf("at %s, not at the login: %d %.300s", b.url, b.status, b.body)
	}
	b.submitForm("?"+b.url.RawQuery, "username", user, "password", "Passw0rd!")
}

// expectPage fails unless the browser shows a path of the site with a text.
func (b *browser) expectPage(path, text string) {
	b.Helper()
	if got := b.url.Scheme + "://" + b.url.Host + b.url.RequestURI(); got != origin+path || !strings.Contains(b.body, text) {
		b.Errorf("at %s: %d %.600s\nwant %s with %q", got, b.status, b.body, path, text)
	}
}

// cookieNames returns the names of the site's cookies that begin with a prefix.
func (b *browser) cookieNames(prefix string) (names []string) {
	for _, c := range b.jar.Cookies(mustParse(origin + "/")) {
		if strings.HasPrefix(c.Name, prefix) {
			names = append(names, c.Name)
		}
	}
	return names
}

// signInLinkIn returns the link of a page that starts the sign-in again.
func signInLinkIn(t *testing.T, body string) string {
	t.Helper()
	_, rest, _ := strings.Cut(body, `<a href="`)
	link, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no link in %s", body)
	}
	return html.UnescapeString(link)
}

// newSignedInBrowser returns a browser in which ada is signed in.
func newSignedInBrowser(t *testing.T, edits ...func(*cognito.Config)) (*testEnv, *browser) {
	t.Helper()
	env := newRoutesEnv(t, edits...)
	b := newBrowser(env)
	b.openURL("/dashboard")
	b.fillInLogin("ada")
	b.expectPage("/dashboard", "Hello, ada")
	return env, b
}
