package middleware_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

var (
	styleOf = regexp.MustCompile(`(?s)<style>(.*)</style>`)
	tagOf   = regexp.MustCompile(`<[^>]*>`)
)

// TestPagesAreSafeAndPlain: a page has no script, no policy lets one in, and a screen
// reader finds its language, its title, one heading and the main part.
func TestPagesAreSafeAndPlain(t *testing.T) {
	for kind, resp := range allPages(t) {
		t.Run(string(kind), func(t *testing.T) {
			body, h := readBody(t, resp), resp.Header
			m := styleOf.FindStringSubmatch(body)
			if m == nil {
				t.Fatalf("no page: %d %s", resp.StatusCode, body)
			}
			sum := sha256.Sum256([]byte(m[1]))
			csp := h.Get("Content-Security-Policy")
			ancestors := "frame-ancestors 'none'"
			switch kind {
			case cognito.PageSignOut:
				ancestors = "frame-ancestors 'self'"
			case cognito.PageInFrame:
				ancestors = "frame-ancestors *"
			}
			for _, want := range []string{"default-src 'none'", "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", "base-uri 'none'", ancestors, "form-action 'self' https:"} {
				if !strings.Contains(csp, want) {
					t.Errorf("the policy %q lacks %s", csp, want)
				}
			}
			tags := strings.Join(tagOf.FindAllString(body, -1), "")
			for _, bad := range []string{"<script", "style=", " on", "javascript:", "unsafe", " id=", "tabindex", "aria-hidden"} {
				if strings.Contains(tags+csp, bad) {
					t.Errorf("%q is in the page", bad)
				}
			}
			referrer := "no-referrer"
			if strings.Contains(body, "<form") {
				referrer = "same-origin" // with no-referrer the form's Origin would be null
			}
			if h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" ||
				h.Get("Referrer-Policy") != referrer || !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Vary") != "Cookie" {
				t.Errorf("header %v", h)
			}
			for _, want := range []string{`<html lang="en">`, "<title>", "<h1>", "<main>", `name="viewport"`} {
				if strings.Count(body, want) != 1 {
					t.Errorf("the page has %s %d times", want, strings.Count(body, want))
				}
			}
			title, _, _ := strings.Cut(body[strings.Index(body, "<title>")+len("<title>"):], "</title>")
			if title == "" || !strings.Contains(body, "<h1>"+title+"</h1>") {
				t.Errorf("the title %q is not the heading", title)
			}
			if !strings.Contains(body, "<a href=\"/") {
				t.Error("the page leads nowhere")
			}
		})
	}
}

// TestPageColors: text has the contrast that WCAG 2.2 asks for (1.4.3), in both schemes.
func TestPageColors(t *testing.T) {
	resp := newRoutesEnv(t).get("/api/auth/sign-in-callback")
	style := styleOf.FindStringSubmatch(readBody(t, resp))[1]
	light, dark, ok := strings.Cut(style, "@media (prefers-color-scheme:dark)")
	if !ok || !strings.Contains(light, "color-scheme:light dark") {
		t.Fatalf("no dark scheme: %s", style)
	}
	for scheme, text := range map[string]string{"light": light, "dark": dark} {
		colors := make(map[string]string)
		for _, m := range regexp.MustCompile(`--(\w+):(#[0-9a-f]+)`).FindAllStringSubmatch(text, -1) {
			colors[m[1]] = m[2]
		}
		for _, front := range []string{"text", "soft", "link"} {
			if c := contrast(t, colors[front], colors["page"]); c < 4.5 {
				t.Errorf("%s: %s on the page has a contrast of %.1f", scheme, front, c)
			}
		}
	}
}

// contrast is the contrast ratio of two colors (WCAG 2.2).
func contrast(t *testing.T, a, b string) float64 {
	luminance := func(color string) (sum float64) {
		digits := strings.TrimPrefix(color, "#")
		if len(digits) == 3 {
			digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
		}
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			if c := float64(n) / 255; c <= 0.04045 {
				sum += weight * c / 12.92
			} else {
				sum += weight * math.Pow((c+0.055)/1.055, 2.4)
			}
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
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

// TestPageInAnotherLanguage has no English words on a page that is not in English.
func TestPageInAnotherLanguage(t *testing.T) {
	auth, err := cognito.New(routesConfig(func(cfg *cognito.Config) {
		cfg.Page = func(_ http.ResponseWriter, _ *http.Request, p *cognito.Page) {
			p.Lang, p.Title, p.Text, p.Detail, p.Actions = "de", "Abmelden", "Wirklich?", "Zu oft", nil
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	auth.Routes().ServeHTTP(w, pageRequest("/api/auth/sign-out"))
	body := w.Body.String()
	if !strings.Contains(body, `<html lang="de">`) || !strings.Contains(body, "<p>Wirklich?</p>\n<p>Zu oft</p>\n</main>") {
		t.Error(body)
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
	var plain int // tags of a page without a description
	callback := func(t *testing.T, code, description string) (resp *http.Response, body string) {
		env.T = t
		authorize, flow := env.startFlow("/api/auth/sign-in") // a flow is accepted once
		q := url.Values{"error": {code}, "error_description": {description}, "state": {authorize.Query().Get("state")}}
		resp = env.get("/api/auth/sign-in-callback?"+q.Encode(), flow)
		return resp, readBody(t, resp)
	}
	f.Fuzz(func(t *testing.T, code, description string) {
		if env == nil {
			env = newRoutesEnv(t)
			_, body := callback(t, "x", "")
			plain = len(tagOf.FindAllString(body, -1))
		}
		resp, body := callback(t, code, description)
		want := plain
		if strings.Contains(body, "service says") {
			want += 2 // of the paragraph
		}
		if tags := len(tagOf.FindAllString(body, -1)); tags != want || !strings.Contains(body, "<h1>You are not signed in</h1>") {
			t.Errorf("%d tags, want %d:\n%s", tags, want, body)
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

// TestActionsLeadToPaths: Config.Page may take a link from data, which runs no script.
func TestActionsLeadToPaths(t *testing.T) {
	var action cognito.PageAction
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.Page = func(_ http.ResponseWriter, _ *http.Request, p *cognito.Page) {
			p.Actions = []cognito.PageAction{action}
		}
	})
	for to, want := range map[string]string{
		"/x?a=1&b=\"'<":             "/x?a=1&b=\"'<",
		"https://shop.example/":     "https://shop.example/",
		"javascript:alert(1)":       "#",
		"JavaScript:alert(1)":       "#",
		" javascript:alert(1)":      "#",
		"java\tscript:alert(1)":     "#",
		"\x01javascript:alert(1)":   "#",
		"data:text/html,<script>":   "#",
		"javascript&colon;alert(1)": "javascript&colon;alert(1)", // a path, once it is escaped
	} {
		for _, post := range []bool{false, true} {
			action = cognito.PageAction{URL: to, Text: "<b>", Post: post}
			body := readBody(t, env.get("/api/auth/sign-in-callback"))
			before, after := `<a href="`, "\">&lt;b&gt;</a>"
			if post {
				before, after = `<form method="post" action="`, "\"><button>&lt;b&gt;</button></form>"
			}
			_, rest, _ := strings.Cut(body, before)
			link, _, ok := strings.Cut(rest, after)
			if !ok || html.UnescapeString(link) != want || strings.ContainsAny(link, "<>\"'") {
				t.Errorf("%q leads to %q", to, link)
			}
		}
	}
}
