package middleware_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// offOriginURLs begin like an origin, or look like it, and name another one. The last
// parts come from other projects' tests of open redirects.
func offOriginURLs(origin string) []string {
	scheme, authority, _ := strings.Cut(origin, "://")
	name, port, _ := strings.Cut(authority, ":")
	other := map[string]string{"https": "http", "http": "https"}[scheme]
	at := func(authority string) string { return scheme + "://" + authority + "/x" }
	urls := []string{
		other + "://" + authority + "/x", "ftp://" + authority + "/x", "javascript://" + authority + "/%0aalert(1)", "//" + authority + "/x", ":" + authority, "://" + authority,
		strings.ToUpper(scheme) + "://" + authority + "/x", at(strings.ToUpper(authority)), at(strings.ToUpper(name[:1]) + authority[1:]),
		at(authority + "."), at(name + ".:" + port), at(authority + ".evil.example"), at(authority + "evil.example"), at(authority + "-evil.example"), at(authority + "_"),
		at("evil" + authority), at("evil." + authority), at("evil-" + authority), at("." + authority), at("www." + authority), at(strings.TrimPrefix(authority, "shop.")),
		at("evil.example@" + authority), at("a:b@" + authority), at("@" + authority), at(":@" + authority),
		at(authority + "@evil.example"), at(authority + ":x@evil.example"), at(authority + "%40evil.example"), at(authority + "&@evil.example#@"), at("evil.example#@" + authority),
		at("evil.example?" + authority), at("evil.example/" + authority), at(`evil.example\` + authority), at("evil.example;" + authority), at("evil.example%00" + authority),
		at(authority + ":"), at(authority + ":0"), at(authority + ":443"), at(authority + ":80"), at(authority + ":0443"), at(authority + ":8080"), at(authority + ":8443"), at(authority + ":84430"), at(authority + "0"), at(authority + ":8443@evil.example"),
		at(authority + ","), at(authority + ";"), at(authority + "&"), at(authority + "%2f"), at(authority + "%2e"), at(authority + "%23"), at(authority + "%3f"), at(authority + "%5c@evil.example"),
		scheme + "://" + authority + `\@evil.example`, scheme + "://" + authority + `\.evil.example`, scheme + "://" + authority + `\evil.example`, scheme + ":/" + authority + "/x", scheme + ":" + authority + "/x",
		scheme + ":///" + authority + "/x", scheme + `:\\` + authority + "/x", scheme + `:/\` + authority + "/x", scheme + `://\` + authority + "/x", scheme + "://" + authority + "//evil.example/", scheme + "://" + authority + `/\evil.example`,
		scheme + "://" + authority + "/\t/evil.example", scheme + "://" + authority + "\t.evil.example/", scheme + "://" + authority + "\n@evil.example/", scheme + "://\t" + authority + "/x", scheme + "://" + authority[:1] + "\t" + authority[1:] + "/x",
		" " + origin + "/x", "\t" + origin + "/x", "\x00" + origin + "/x", "\ufeff" + origin + "/x", origin + " /x", origin + "\x00", origin + "\u200b/x", origin + "\u00ad/x", origin + "\r\nSet-Cookie: a=b",
		at(strings.ReplaceAll(authority, ".", "\u3002")), at(strings.ReplaceAll(authority, ".", "\uff0e")), at(strings.ReplaceAll(authority, "e", "\uff45")), at(strings.ReplaceAll(authority, "e", "\u0435")),
		at(strings.ReplaceAll(authority, "xn--bcher-kva", "b\u00fccher")), at(strings.ReplaceAll(authority, "s", "\u017f")), at(authority + "\uff0fevil.example"), at(authority + "\uff20evil.example"), at(authority + "\u2100evil.example"),
		scheme + "://" + authority + "/../x", scheme + "://" + authority + "/./x", scheme + "://" + authority + "/%2e%2e//evil.example", scheme + "://" + authority + "/.//evil.example", scheme + "://" + authority + "/x/..\\..",
		origin + "/api/auth/sign-out", origin + "/api/auth/sign-out/", origin + "/api/auth//sign-out?x", origin + "/api/auth/sign%2Dout", origin + "/" + strings.Repeat("a", 2048), origin + origin, origin + "/%zz", origin + ".",
		"blob:" + origin + "/x", "view-source:" + origin, "data:" + origin, "feed:" + origin + "/x", "%68ttps://" + authority + "/x", url.QueryEscape(origin + "/x"), "[" + origin + "/x](x)", origin + "],x",
	}
	// Not every name has the letters that some of them replace.
	return slices.DeleteFunc(urls, func(s string) bool { return s == origin+"/x" })
}

// TestReturnOrigins: URLs of Origin count as their path, and those of ReturnOrigins are
// returned. Everything that only looks like one is refused.
func TestReturnOrigins(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.AfterSignIn = "/home"
		cfg.ReturnOrigins = append(slices.Clone(returnOrigins), "http://localhost:3000", "http://www.site.localhost:3000", origin)
	})
	signedIn := pageRequest("/")
	env.server.SignIn(signedIn, "ada")
	leadsTo := func(next string) string {
		t.Helper()
		r := pageRequest("/api/auth/sign-in?next=" + url.QueryEscape(next))
		to := env.auth.ReturnTo(r)
		r.Host, r.Header["Cookie"] = host, signedIn.Header["Cookie"]
		if location := env.do(r).Header.Get("Location"); location != to {
			t.Errorf("%q: Routes lead to %q, ReturnTo says %q", next, location, to)
		}
		return to
	}
	paths := map[string]string{
		"": "/", "/": "/", "?a=b": "/?a=b", "#top": "/#top", "/x": "/x", "/x?y=https://evil.example/../": "/x?y=https://evil.example/../", "/a//b": "/a//b", "/x#y": "/x#y", "/@evil.example": "/@evil.example",
		"/" + strings.Repeat("a", 2047): "/" + strings.Repeat("a", 2047),
	}
	for path, want := range paths {
		if got := leadsTo(origin + path); got != want {
			t.Errorf("%q of Origin leads to %q", path, got)
		}
		for _, o := range append(slices.Clone(returnOrigins), "http://localhost:3000", "http://www.site.localhost:3000") {
			if got := leadsTo(o + path); got != o+want {
				t.Errorf("%q of %s leads to %q", path, o, got)
			}
		}
	}
	for _, o := range append(slices.Clone(returnOrigins), origin, "http://localhost:3000") {
		for _, next := range offOriginURLs(o) {
			if to := env.auth.ReturnTo(pageRequest("/sign-in?next=" + url.QueryEscape(next))); to != "/home" && next != shopOrigin+":8443/x" {
				t.Errorf("%q leads to %q", next, to)
			}
		}
	}
	for _, next := range offSiteURLs {
		if to := env.auth.ReturnTo(pageRequest("/sign-in?next=" + url.QueryEscape(next))); !strings.HasPrefix(to, "/") || leadsAway(to) {
			t.Errorf("%q leads to %q", next, to)
		}
	}
}

// TestOriginIsNoReturnOriginOfOthers: without ReturnOrigins, no URL of another site is a way
// back, and without Origin no URL at all.
func TestOriginIsNoReturnOriginOfOthers(t *testing.T) {
	for name, env := range map[string]*testEnv{"Origin": newRoutesEnv(t), "no Origin": newEnv(t)} {
		for next, want := range map[string]string{
			shopOrigin + "/x": "/", origin + ":8443/x": "/", "http://" + host + "/x": "/",
			origin + "/x": map[string]string{"Origin": "/x", "no Origin": "/"}[name], "/x": "/x",
		} {
			if got := env.auth.ReturnTo(pageRequest("/sign-in?next=" + url.QueryEscape(next))); got != want {
				t.Errorf("with %s, %q leads to %q", name, next, got)
			}
		}
	}
	env := newEnv(t, func(cfg *cognito.Config) { cfg.ReturnOrigins = []string{shopOrigin} })
	if got := env.auth.ReturnTo(pageRequest("/sign-in?next=" + url.QueryEscape(shopOrigin+"/x"))); got != shopOrigin+"/x" {
		t.Errorf("without Origin, a URL of ReturnOrigins leads to %q", got)
	}
}

// TestReturnOriginsAreChecked: what is no origin, or is not written as browsers write it,
// would never match or match what nobody meant.
func TestReturnOriginsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		origin   string
		insecure bool
		ok       bool
	}{
		{origin: shopOrigin, ok: true}, {origin: shopOrigin + ":8443", ok: true}, {origin: origin, ok: true}, {origin: "https://127.0.0.1", ok: true}, {origin: "https://[2001:db8::1]:8443", ok: true}, {origin: "https://intranet", ok: true},
		{origin: "http://localhost:3000", ok: true}, {origin: "http://www.localhost", ok: true}, {origin: "http://127.0.0.2:1", ok: true}, {origin: "http://[::1]:3000", ok: true},
		{origin: "http://shop.example.com"}, {origin: "http://localhost.example.com"}, {origin: "http://notlocalhost"}, {origin: "http://10.0.0.1"}, {origin: "http://shop.example.com", insecure: true, ok: true},
		{origin: ""}, {origin: "*"}, {origin: "null"}, {origin: "https://"}, {origin: "https://*"}, {origin: "https://*.example.com"}, {origin: "shop.example.com"}, {origin: "//shop.example.com"}, {origin: "https:shop.example.com"}, {origin: "/shop"},
		{origin: shopOrigin + "/"}, {origin: shopOrigin + "/x"}, {origin: shopOrigin + "?"}, {origin: shopOrigin + "#"}, {origin: shopOrigin + ":"}, {origin: shopOrigin + ":443"}, {origin: shopOrigin + ":0"}, {origin: shopOrigin + ":08443"}, {origin: shopOrigin + ":65536"}, {origin: shopOrigin + ":*"},
		{origin: "http://localhost:80"}, {origin: "https://Shop.example.com"}, {origin: "HTTPS://shop.example.com"}, {origin: "https://a@shop.example.com"}, {origin: "https://shop.example.com."}, {origin: "https://.example.com"}, {origin: "https://shop..example.com"},
		{origin: "https://bücher.example"}, {origin: "https://shop.example.com "}, {origin: " https://shop.example.com"}, {origin: "https://shop example.com"}, {origin: "https://shop.example.com\n"}, {origin: `https://shop.example.com\`}, {origin: "https://shop.example.com,https://evil.example"},
		{origin: "https://shop%2eexample.com"}, {origin: "https://[2001:DB8::1]"}, {origin: "https://[0::1]"}, {origin: "https://[fe80::1%25eth0]"}, {origin: "https://[::1"}, {origin: "ftp://shop.example.com"}, {origin: "javascript://shop.example.com"},
	} {
		_, err := cognito.New(routesConfig(func(c *cognito.Config) {
			c.ReturnOrigins, c.Cookies.Insecure = []string{"https://first.example", tt.origin}, tt.insecure
		}))
		if tt.ok && err != nil || !tt.ok && (err == nil || !strings.Contains(err.Error(), "\nReturnOrigins[1]: ")) {
			t.Errorf("%q: %v", tt.origin, err)
		}
	}
	_, err := cognito.New(routesConfig(func(c *cognito.Config) { c.ReturnOrigins, c.ReturnParam = []string{shopOrigin}, "-" }))
	if err == nil || !strings.Contains(err.Error(), "\nReturnOrigins: ") {
		t.Errorf("with nothing that names them: %v", err)
	}
}

// TestReturnOriginsAreCopied: the program may change its slice later.
func TestReturnOriginsAreCopied(t *testing.T) {
	origins := []string{shopOrigin}
	env := newEnv(t, func(cfg *cognito.Config) { cfg.ReturnOrigins = origins })
	origins[0] = "https://evil.example"
	if got := env.auth.ReturnTo(pageRequest("/sign-in?next=https://evil.example/")); got != "/" {
		t.Errorf("%q is a way back", got)
	}
}

// TestReturnPathThatRoutesCannotKeep: the user arrives on the right site, if not on the
// page. Every refused sign-in offers the same way back.
func TestReturnPathThatRoutesCannotKeep(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.AfterSignIn, cfg.ReturnOrigins = "/home", returnOrigins })
	path := func(n int) string { return "/" + strings.Repeat("a", n-1) }
	for next, want := range map[string]string{
		path(1500): path(1500), path(2000): "/home", path(2049): "/home", origin + path(1500): path(1500), origin + path(2000): "/home",
		shopOrigin + path(1450): shopOrigin + path(1450), shopOrigin + path(2000): shopOrigin + "/", shopOrigin + path(2049): "/home",
		shopOrigin + ":8443" + path(2000): shopOrigin + ":8443/",
	} {
		authorize, flow := env.startFlow("/api/auth/sign-in?next=" + url.QueryEscape(next))
		resp := env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusFound || got != want {
			t.Errorf("%.60s… (%d): %d to %.60s…, want %.60s…", next, len(next), resp.StatusCode, got, want)
		}
	}
	authorize, flow := env.startFlow("/api/auth/sign-in?next=" + url.QueryEscape(shopOrigin+"/cart?item=7"))
	refused := env.get("/api/auth/sign-in-callback?error=access_denied&state="+authorize.Query().Get("state"), flow)
	again := signInLinkIn(t, readBody(t, refused))
	if got := env.auth.ReturnTo(pageRequest(again)); got != shopOrigin+"/cart?item=7" {
		t.Errorf("the link of a refused sign-in, %q, leads to %q", again, got)
	}
}
