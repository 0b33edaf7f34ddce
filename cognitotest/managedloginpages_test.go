package cognitotest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
)

var idAttribute = regexp.MustCompile(`\bid="([^"]*)"`)

// TestPages checks headers and labels, and that the pages load nothing.
func TestPages(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetLogin(cognitotest.Login{Providers: []string{"Google"}})
	b := newBrowser(t, server.Client())
	for _, path := range []string{"/login", "/signup", "/idp", "/logout"} {
		target := strings.Replace(authorizeURL(server, with("identity_provider", "Google")), "/oauth2/authorize", path, 1)
		if path == "/logout" {
			target = server.UserPool().LoginURL() + path // the error page
		}
		p := b.get(target)
		_, rest, _ := strings.Cut(p.body, "<style>")
		style, _, ok := strings.Cut(rest, "</style>")
		sum := sha256.Sum256([]byte(style))
		if !ok || style != html.UnescapeString(style) || !strings.Contains(p.header.Get("Content-Security-Policy"), "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("%s: the policy does not name the style", path)
		}
		if !strings.HasPrefix(p.header.Get("Content-Security-Policy"), "default-src 'none'; ") || !strings.Contains(p.header.Get("Cache-Control"), "no-store") ||
			p.header.Get("Content-Type") != "text/html; charset=utf-8" || p.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: header %v", path, p.header)
		}
		for _, banned := range []string{"<script", "://fonts", "src=", "@import", "ZgotmplZ"} {
			if strings.Contains(p.body, banned) {
				t.Errorf("%s: has %s", path, banned)
			}
		}
		for _, m := range idAttribute.FindAllStringSubmatch(p.body, -1) {
			if m[1] != "fault" && m[1] != "rules" && !strings.Contains(p.body, `<label for="`+m[1]+`">`) {
				t.Errorf("%s: no label for %s", path, m[1])
			}
		}
		for _, want := range []string{`<html lang="en">`, "<main>", "<h1>", `name="viewport"`} {
			if !strings.Contains(p.body, want) {
				t.Errorf("%s: no %s", path, want)
			}
		}
	}
}

// TestPagesEscape sends scripts in every parameter and field.
func TestPagesEscape(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetLogin(cognitotest.Login{Providers: []string{"Google", `"><script>p</script>`}})
	const xss = `"'></style></title><script>alert(1)</script><img src=x onerror=y>{{.}}`
	clean := func(t *testing.T, p *page) {
		t.Helper()
		for _, bad := range []string{"<script", "<img", "</title><", `"'>`} {
			if strings.Contains(p.body, bad) {
				t.Errorf("%s shows %s", p.url.Path, bad)
			}
		}
		for _, h := range []string{"Location", "Set-Cookie"} {
			if strings.ContainsAny(p.header.Get(h), "<>\"") {
				t.Errorf("%s: %s", h, p.header.Get(h))
			}
		}
	}
	for _, path := range []string{"/oauth2/authorize", "/login", "/signup", "/idp", "/logout"} {
		for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "login_hint", "lang", "prompt",
			"identity_provider", "code_challenge", "code_challenge_method", "logout_uri", xss} {
			edits := []func(url.Values){with(name, xss)}
			if path == "/idp" && name != "identity_provider" {
				edits = append(edits, with("identity_provider", "Google"))
			}
			target := strings.Replace(authorizeURL(server, edits...), "/oauth2/authorize", path, 1)
			b := newBrowser(t, server.Client())
			p := b.get(target)
			clean(t, p)
			if name == "login_hint" && strings.Contains(p.body, "<form") && !strings.Contains(p.body, "&lt;script&gt;") {
				t.Errorf("%s does not show the hint", path)
			}
			if strings.Contains(p.body, "<form") {
				clean(t, b.submit(p, "username", xss, "email", xss, "password", xss, "name", xss))
			}
			r, err := http.NewRequest("GET", target, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Cookie", "XSRF-TOKEN='></style><script>alert(1)</script>")
			b.client.Jar = nil
			clean(t, b.do(r, nil))
		}
	}
}

// TestForgedForms: a form needs the token of its page, and the page's cookie.
func TestForgedForms(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetLogin(cognitotest.Login{Providers: []string{"Google"}})
	for _, path := range []string{"/login", "/signup", "/idp"} {
		target := strings.Replace(authorizeURL(server, with("identity_provider", "Google")), "/oauth2/authorize", path, 1)
		fields := []string{"username", "ada", "password", ada.Password, "name", "ada"}
		b, other := newBrowser(t, server.Client()), newBrowser(t, server.Client())
		p := b.get(target)
		other.get(target)
		for name, forged := range map[string]*page{
			"no token":                       b.submit(p, append(fields, "_csrf", "")...),
			"another token":                  b.submit(p, append(fields, "_csrf", "x")...),
			"another browser's token":        other.submit(p, fields...),
			"a browser that keeps no cookie": newBrowser(t, server.Client()).submit(p, fields...),
			"a form that is cancelled":       other.submit(p, "cancel", "cancel"),
		} {
			if forged.status != 403 || forged.app != nil {
				t.Errorf("%s, %s: status %d, to %v", path, name, forged.status, forged.app)
			}
		}
		b.client.Jar = nil
		r, err := http.NewRequest("POST", target, strings.NewReader("_csrf="))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", "XSRF-TOKEN=")
		if p := b.do(r, nil); p.status != 403 {
			t.Errorf("%s, empty tokens: status %d", path, p.status)
		}
		r, err = http.NewRequest("POST", target, strings.NewReader(`{"username":"ada"}`))
		if p := b.do(r, err); p.status != 400 || p.app != nil {
			t.Errorf("%s, no form: status %d", path, p.status)
		}
	}
}

func TestLogout(t *testing.T) {
	server := cognitotest.New(ada)
	strict := server.AddClient("2strict", "")
	strict.SetLogin(cognitotest.Login{RedirectURIs: []string{callback}, LogoutURIs: []string{"https://app.example.com/bye"}})
	const page = "page"
	for _, c := range []struct {
		name  string
		query url.Values
		want  string // where it leads
	}{
		{"a sign-out URL", url.Values{"client_id": {server.UserPool().ClientID}, "logout_uri": {"http://localhost:8080/bye"}}, "http://localhost:8080/bye"},
		{"a registered sign-out URL", url.Values{"client_id": {"2strict"}, "logout_uri": {"https://app.example.com/bye"}}, "https://app.example.com/bye"},
		{"sign in again", url.Values{"client_id": {"2strict"}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s"}}, "login?client_id="},
		{"sign in again without a response type", url.Values{"client_id": {"2strict"}, "redirect_uri": {callback}}, callback + "?error=invalid_request"},
		{"no client", url.Values{"logout_uri": {"http://localhost:8080/bye"}}, page},
		{"an unknown client", url.Values{"client_id": {"9unknown"}, "logout_uri": {"http://localhost:8080/bye"}}, page},
		{"a sign-out URL that is not registered", url.Values{"client_id": {"2strict"}, "logout_uri": {"https://app.example.com/"}}, page},
		{"a callback for a sign-out URL", url.Values{"client_id": {"2strict"}, "logout_uri": {callback}}, page},
		{"a callback that is not registered", url.Values{"client_id": {"2strict"}, "redirect_uri": {"https://app.example.com/bye"}, "response_type": {"code"}}, page},
		{"nowhere", url.Values{"client_id": {"2strict"}}, page},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBrowser(t, server.Client())
			b.submit(b.get(authorizeURL(server)), "username", "ada", "password", ada.Password).code(t, "st")
			b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			p := b.get(server.UserPool().LoginURL() + "/logout?" + c.query.Encode())
			if location := p.header.Get("Location"); c.want == page && p.status != 400 || c.want != page && !strings.HasPrefix(location, c.want) {
				t.Errorf("status %d, to %s", p.status, location)
			}
			// The session has ended unless logout showed an error page.
			if p = b.get(authorizeURL(server, with("prompt", "none"))); p.app.Query().Has("code") != (c.want == page) {
				t.Errorf("afterwards: to %s", p.app)
			}
		})
	}
}

func TestCancelledForms(t *testing.T) {
	server := cognitotest.New(ada)
	b := newBrowser(t, server.Client())
	for _, path := range []string{"/login", "/signup"} {
		p := b.get(strings.Replace(authorizeURL(server), "/oauth2/authorize", path, 1))
		b.submit(p, "cancel", "cancel").wantError(t, "access_denied", "st")
	}
}

// TestTwoSignInsAtOnce: two tabs may sign in at the same time.
func TestTwoSignInsAtOnce(t *testing.T) {
	server := cognitotest.New(ada)
	b := newBrowser(t, server.Client())
	cfg := oauthConfig(server, "openid")
	v1, v2 := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	p1 := b.get(cfg.AuthCodeURL("1", oauth2.S256ChallengeOption(v1)))
	p2 := b.get(cfg.AuthCodeURL("2", oauth2.S256ChallengeOption(v2)))
	p2 = b.submit(p2, "username", "ada", "password", ada.Password)
	p1 = b.submit(p1, "username", "ada", "password", ada.Password)
	p1.code(t, "1")
	p2.code(t, "2")
	exchangeCode(t, server, cfg, p1.app.String(), oauth2.VerifierOption(v1))
	exchangeCode(t, server, cfg, p2.app.String(), oauth2.VerifierOption(v2))
}
