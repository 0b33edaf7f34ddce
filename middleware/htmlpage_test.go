package middleware_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

var (
	styleOf = regexp.MustCompile(`(?s)<style>(.*)</style>`)
	tagOf   = regexp.MustCompile(`<[^>]*>`)
)

// allPages requests each page of Routes.
func allPages(t *testing.T, edits ...func(*cognito.Config)) map[string]*http.Response {
	env := newRoutesEnv(t, edits...)
	pages := map[string]*http.Response{
		"unknown state": env.get("/api/auth/sign-in-callback?code=x&state=y"),
		"loop":          env.get("/dashboard", &http.Cookie{Name: markerCookiePrefix + env.server.UserPool().ClientID, Value: "2"}),
	}
	r := pageRequest("/api/auth/sign-out")
	r.Host = host
	pages["confirm"] = env.do(r)
	framed := pageRequest("/api/auth/sign-in?next=/dashboard")
	framed.Header.Set("Sec-Fetch-Dest", "iframe")
	pages["framed"] = env.do(framed)
	authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard")
	callback := env.completeLogin(authorize, "ada")
	pages["cancelled"] = env.get("/api/auth/sign-in-callback?error=access_denied&error_description=no&state="+callback.Query().Get("state"), flow)
	pages["refused"] = env.get(withParam(callback, "code", "x").RequestURI(), flow)
	authorize, flow = env.startFlow("/api/auth/sign-in?next=/dashboard")
	pages["Strict"] = env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
	return pages
}

func TestPagesAreSafeAndPlain(t *testing.T) {
	for name, resp := range allPages(t, func(cfg *cognito.Config) { cfg.Cookies.SameSite = http.SameSiteStrictMode }) {
		t.Run(name, func(t *testing.T) {
			body, h := readBody(t, resp), resp.Header
			m := styleOf.FindStringSubmatch(body)
			if m == nil {
				t.Fatalf("no page: %d %s", resp.StatusCode, body)
			}
			sum := sha256.Sum256([]byte(m[1]))
			csp := h.Get("Content-Security-Policy")
			ancestors := "frame-ancestors 'none'"
			switch name {
			case "confirm":
				ancestors = "frame-ancestors 'self'"
			case "framed":
				ancestors = "frame-ancestors *"
			}
			for _, want := range []string{"default-src 'none'", "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", "base-uri 'none'", ancestors, "form-action 'self' https:"} {
				if !strings.Contains(csp, want) {
					t.Errorf("the policy %q lacks %s", csp, want)
				}
			}
			for _, bad := range []string{"<script", "style=", " on", "javascript:", "unsafe"} {
				if strings.Contains(strings.Join(tagOf.FindAllString(body, -1), "")+csp, bad) {
					t.Errorf("%q is in the page", bad)
				}
			}
			referrer := "no-referrer"
			if name == "confirm" {
				referrer = "same-origin" // with no-referrer the form's Origin would be null
			}
			if h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" ||
				h.Get("Referrer-Policy") != referrer || !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Vary") != "Cookie" {
				t.Errorf("header %v", h)
			}
			for _, want := range []string{`<html lang="en">`, "<title>", "<h1>", "<main>", `name="viewport"`} {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %s", want)
				}
			}
			if name != "confirm" && !strings.Contains(body, "<a href=\"/") {
				t.Error("the page leads nowhere")
			}
		})
	}
}

// TestPagesLetTheFormLeadToAnEmulator, which has no https.
func TestPagesLetTheFormLeadToAnEmulator(t *testing.T) {
	auth, err := cognito.New(routesConfig(func(cfg *cognito.Config) {
		cfg.UserPool.Issuer, cfg.UserPool.Domain = "http://localhost:9229/pool", "localhost:9229"
	}))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	auth.Routes().ServeHTTP(w, pageRequest("/api/auth/sign-out"))
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https: http://localhost:9229;") {
		t.Errorf("the policy is %q", csp)
	}
}

// TestErrorOfCognitoIsShownForAKnownState: the page shows it escaped, and only for a
// flow of this browser, because anybody can make a link with a text.
func TestErrorOfCognitoIsShownForAKnownState(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard%3Fa%3D1%26b%3D2")
	q := url.Values{"error": {"access_denied"}, "error_description": {`<b onclick="x">PreSignUp failed & 'so'</b>`}, "state": {authorize.Query().Get("state")}}
	body := readBody(t, env.get("/api/auth/sign-in-callback?"+q.Encode(), flow))
	if !strings.Contains(body, "The sign-in service says: &lt;b onclick=&#34;x&#34;&gt;PreSignUp failed &amp; &#39;so&#39;&lt;/b&gt;") {
		t.Errorf("%s", body)
	}
	if link := signInLinkIn(t, body); link != "/api/auth/sign-in?next=%2Fdashboard%3Fa%3D1%26b%3D2" {
		t.Errorf("link %q", link)
	}
	for _, state := range []string{"", "x", authorize.Query().Get("state") + "-x"} {
		q.Set("state", state)
		if body := readBody(t, env.get("/api/auth/sign-in-callback?"+q.Encode(), flow)); strings.Contains(body, "PreSignUp") {
			t.Errorf("state %q: anybody can write on the page", state)
		}
	}
	if body := readBody(t, env.get("/api/auth/sign-in-callback?"+q.Encode())); strings.Contains(body, "PreSignUp") {
		t.Error("without a flow anybody can write on the page")
	}
}

// TestStrictPageContinues: the page has the return path twice, both times as a
// redirect would have it.
func TestStrictPageContinues(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Cookies.SameSite = http.SameSiteStrictMode })
	for next, want := range map[string]string{
		"/x?a=1&b='\"><script>": "/x?a=1&b='\"><script>",
		"/x;url=//evil.example": "/x;url=//evil.example",
		"/'":                    "/'",
		"/ä ":                   "/%C3%A4%20",
		"/%2e%25":               "/%2e%25",
		"/&quot;>&#39;":         "/&quot;>&#39;",
	} {
		authorize, flow := env.startFlow("/api/auth/sign-in?next=" + url.QueryEscape(next))
		resp := env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
		body := readBody(t, resp)
		m := metaRefresh.FindStringSubmatch(body)
		if resp.StatusCode != http.StatusOK || sessionUser(resp) != "ada" || m == nil || html.UnescapeString(m[1]) != want {
			t.Errorf("%q: %d %s", next, resp.StatusCode, body)
		}
		if link, err := url.Parse(signInLinkIn(t, body)); err != nil || link.Path != mustParse(want).Path {
			t.Errorf("%q: link %s, %v", next, link, err)
		}
	}
}

// FuzzErrorDescription: any error description is shown as text of a bounded length, and
// in no header.
func FuzzErrorDescription(f *testing.F) {
	for _, s := range []string{"no", "<script>alert(1)</script>", `"><img src=x onerror=y>`, "{{.}}", "</main></html>", "\x00\xff\r\nSet-Cookie: a=b", "\u202ecba", strings.Repeat("ä", 5000), "]]>", "&lt;b&gt;"} {
		f.Add("access_denied", s)
		f.Add(s, s)
	}
	var env *testEnv
	var authorize *url.URL
	var flow *http.Cookie
	var empty int
	f.Fuzz(func(t *testing.T, code, description string) {
		if env == nil {
			env = newRoutesEnv(t)
			authorize, flow = env.startFlow("/api/auth/sign-in")
			empty = len(tagOf.FindAllString(readBody(t, env.get("/api/auth/sign-in-callback?error=x&error_description=x&state="+authorize.Query().Get("state"), flow)), -1))
		}
		q := url.Values{"error": {code}, "error_description": {description}, "state": {authorize.Query().Get("state")}}
		resp := env.get("/api/auth/sign-in-callback?"+q.Encode(), flow)
		body := readBody(t, resp)
		tags := len(tagOf.FindAllString(body, -1))
		if said := strings.Contains(body, "service says"); tags != empty && (said || tags != empty-2) {
			t.Errorf("%d tags, %d without the description:\n%s", tags, empty, body)
		}
		if resp.StatusCode != http.StatusBadRequest || !utf8.ValidString(body) || strings.ContainsAny(body, "\x00\r\u202e") || len(body) > 6000 {
			t.Errorf("%d, %d bytes:\n%q", resp.StatusCode, len(body), body)
		}
		for name, values := range resp.Header {
			if len(description) > 12 && strings.Contains(strings.Join(values, ""), description) {
				t.Errorf("the header %s repeats it", name)
			}
		}
	})
}
