package middleware_test

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// browserURL resolves a reference against a page of the site as browsers do (WHATWG
// URL §4.4) and returns the host and the path. ok is false if the result is not an
// https URL. It parses no more than that takes.
func browserURL(ref string) (host, path string, ok bool) {
	ref = strings.TrimFunc(ref, func(r rune) bool { return r <= ' ' }) // C0 controls and space
	ref = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(ref)
	if i := strings.IndexByte(ref, '#'); i >= 0 {
		ref = ref[:i]
	}
	special := true
	if scheme, rest, found := strings.Cut(ref, ":"); found && isScheme(scheme) {
		switch strings.ToLower(scheme) {
		case "https":
			// "https:path" is relative to a base of the same scheme.
			ref = rest
		case "http", "ws", "wss", "ftp", "file":
			return "", "", false // another origin
		default:
			return "", "", false
		}
	}
	if q := strings.IndexByte(ref, '?'); q >= 0 {
		ref = ref[:q]
	}
	if special {
		ref = strings.ReplaceAll(ref, `\`, "/")
	}
	path = ref
	if strings.HasPrefix(ref, "//") {
		authority := strings.TrimLeft(ref, "/") // more slashes are passed over
		host, path, _ = strings.Cut(authority, "/")
		path = "/" + path
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			host = host[i+1:]
		}
	} else {
		host = "app.example.com"
	}
	// Dot segments may be written as "%2e".
	var out []string
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, segment := range segments {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".":
			if i == len(segments)-1 {
				out = append(out, "")
			}
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			if i == len(segments)-1 {
				out = append(out, "")
			}
		default:
			out = append(out, segment)
		}
	}
	return host, "/" + strings.Join(out, "/"), true
}

// isRoute reports whether a lenient router takes a path for one of the routes. Such a
// router decodes the path and ignores empty segments.
func isRoute(path string) bool {
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	path = strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
	slug, ok := strings.CutPrefix(path, "api/auth/")
	return ok && slices.Contains([]string{"sign-in", "sign-up", "sign-in-callback", "sign-out", "sign-out-callback"}, slug)
}

func isScheme(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// offSiteURLs lead to other sites in some readers; most come from other projects.
var offSiteURLs = []string{
	"//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\/evil.example", "\\\\evil.example", "/\\/evil.example",
	"/\t/evil.example", "\t//evil.example", "/\r/evil.example", "/\n/evil.example", "/\x00/evil.example", " //evil.example", "/ /evil.example",
	"https://evil.example", "https:evil.example", "https:/evil.example", "https:\\\\evil.example", "HTTPS://evil.example", "http://evil.example",
	"javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "//evil.example@app.example.com", "https://app.example.com@evil.example",
	"/%09/evil.example", "/%5cevil.example", "/%2f%2fevil.example", "%2f%2fevil.example", "/.//evil.example", "/..//evil.example", "/%2e%2e//evil.example",
	"/x/../..//evil.example", "/.\\/evil.example", "/;@evil.example", "/?//evil.example", "/#//evil.example", "?x", "#x", "", "/", ".", "..",
	"/\u2028/evil.example", "/\u3002/evil.example", "/\uff0f/evil.example", "/\ufffd/evil.example", "/\u00ad/evil.example", "/\xff/evil.example",
	"/a b", "/ä?ö#ü", "/api/auth/sign-out", "/api/auth/./sign-out", "/API/auth/sign-out", "/dashboard?next=//evil.example", "/:80", "/x:y@z",
	"/" + strings.Repeat("a", 3000), "/" + strings.Repeat("../", 100) + "/evil.example", "/\v/evil.example", "/\f/evil.example", "/\u0085/evil.example",
}

// returnOrigins are the other origins that the tests of open redirects allow.
var returnOrigins = []string{"https://shop.example.com", "https://shop.example.com:8443", "https://xn--bcher-kva.example", "https://[2001:db8::1]"}

// leadsAway reports whether a reader of browsers could be led to another site than ours
// and those of returnOrigins.
func leadsAway(to string) bool {
	site, _, ok := browserURL(to)
	return !ok || site != host && !slices.Contains(returnOrigins, "https://"+site)
}

// FuzzReturnTo: browsers read ReturnTo as a path of this site, or as a URL of one of
// ReturnOrigins, always. Routes redirect to no path that signs a user out, or that begins
// with two slashes once its dot segments are resolved.
func FuzzReturnTo(f *testing.F) {
	for _, s := range slices.Concat(offSiteURLs, longtest.Scale(nil, offOriginURLs(origin))) {
		f.Add(s)
	}
	// TestReturnOrigins has all of them.
	for _, o := range returnOrigins[:longtest.Scale(0, len(returnOrigins))] {
		for _, s := range offOriginURLs(o) {
			f.Add(s)
		}
	}
	for _, s := range offOriginURLs(shopOrigin)[:longtest.Scale(40, 1)] {
		f.Add(s)
	}
	var env, open *testEnv
	var cookie string
	f.Fuzz(func(t *testing.T, next string) {
		if env == nil {
			env = newRoutesEnv(t)
			store := records
			open = newRoutesEnv(t, func(cfg *cognito.Config) { cfg.ReturnOrigins, cfg.Shared = returnOrigins, store })
			r := pageRequest("/")
			env.server.SignIn(r, "ada")
			cookie = r.Header.Get("Cookie")
		}
		r := pageRequest("/api/auth/sign-in?next=" + url.QueryEscape(next))
		r.Host = host
		to := env.auth.ReturnTo(r)
		if site, _, ok := browserURL(to); !ok || site != host || !strings.HasPrefix(to, "/") {
			t.Errorf("%q: ReturnTo is %q, which leads to %q", next, to, site)
		}
		opened := open.auth.ReturnTo(r)
		if leadsAway(opened) || opened != to && !slices.ContainsFunc(returnOrigins, func(o string) bool { return strings.HasPrefix(opened, o+"/") }) {
			t.Errorf("%q: with ReturnOrigins, ReturnTo is %q", next, opened)
		}
		posted := pageRequest("/")
		posted.Form = url.Values{"next": {next}}
		if again := env.auth.ReturnTo(posted); again != to {
			t.Errorf("%q: %q from a form, %q from a query", next, again, to)
		}
		if again := env.auth.ReturnTo(pageRequest("/sign-in?next=" + url.QueryEscape(to))); again != to {
			t.Errorf("%q: %q leads to %q", next, to, again)
		}
		r.Header.Set("Cookie", cookie)
		for _, env := range []*testEnv{env, open} {
			resp := env.do(r.Clone(r.Context()))
			location := resp.Header.Get("Location")
			_, path, _ := browserURL(location)
			if leadsAway(location) || env != open && !strings.HasPrefix(location, "/") || strings.HasPrefix(path, "//") || isRoute(path) {
				t.Errorf("%q: %d to %q", next, resp.StatusCode, location)
			}
			for i := range len(location) {
				if c := location[i]; c <= ' ' || c >= 0x7f {
					t.Errorf("%q: %q has a byte that is none of a URL", next, location)
				}
			}
		}
	})
}

func TestReturnTo(t *testing.T) {
	env := newEnv(t)
	for next, want := range map[string]string{
		"/dashboard?tab=2":               "/dashboard?tab=2",
		"":                               "/",
		"dashboard":                      "/",
		"https://evil.example/":          "/",
		"//evil.example":                 "/",
		`/\evil.example`:                 "/",
		`\/evil.example`:                 "/",
		"/\t/evil.example":               "/",
		"/\n/evil.example":               "/",
		"javascript:alert(1)":            "/",
		"/a" + strings.Repeat("a", 4000): "/",
	} {
		r := httptest.NewRequest("GET", "/sign-in?next="+url.QueryEscape(next), nil)
		if got := env.auth.ReturnTo(r); got != want {
			t.Errorf("ReturnTo(%.40q) = %q, want %q", next, got, want)
		}
	}
}

// TestReturnPathIsNeverARoute: a link to sign-in must not sign the user out again, nor
// make a router redirect to another site.
func TestReturnPathIsNeverARoute(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.AfterSignIn = "/home" })
	signedIn := pageRequest("/")
	env.server.SignIn(signedIn, "ada")
	for next, want := range map[string]string{
		"/api/auth/sign-out":            "/home",
		"/api/auth/sign-out/":           "/home",
		"/api/auth/sign-out?x=1#y":      "/home",
		"/api/auth//sign-out":           "/home",
		"/api/auth/sign%2Dout":          "/home",
		"/api/auth/sign-in?next=/x":     "/home",
		"/api/auth/sign-in-callback":    "/home",
		"/x/../api/auth/sign-out":       "/home",
		"/.//evil.example":              "/home",
		"/%2e//evil.example":            "/home",
		"/x/..//evil.example":           "/home",
		"/x/%2E%2e//evil.example":       "/home",
		"//evil.example":                "/home",
		"/\t/evil.example":              "/home",
		"/..":                           "/home",
		"/api/auth/account":             "/api/auth/account",
		"/sign-out":                     "/sign-out",
		"/.well-known/x":                "/.well-known/x",
		"/a..b":                         "/a..b",
		"/x?to=../..&b=//evil.example/": "/x?to=../..&b=//evil.example/",
		"/päge x":                       "/p%C3%A4ge%20x",
		"/%E2%82%AC%0d%0aX: y":          "/%E2%82%AC%0d%0aX:%20y",
	} {
		r := pageRequest("/api/auth/sign-in?next=" + url.QueryEscape(next))
		r.Host = host
		r.Header["Cookie"] = signedIn.Header["Cookie"]
		if got := env.do(r).Header.Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}
