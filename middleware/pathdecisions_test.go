package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestHeadersChangeNoDecision sends headers that have turned off other guards.
func TestHeadersChangeNoDecision(t *testing.T) {
	env := newEnv(t)
	names := []string{
		"X-Middleware-Subrequest", "X-Middleware-Next", "X-Middleware-Rewrite", "X-Middleware-Prefetch", "X-Nextjs-Data", "X-Now-Route-Matches", "X-Matched-Path", "X-Invoke-Path", "X-Invoke-Status",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-Method", "X-Forwarded-User", "X-Forwarded-Email",
		"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Real-Ip", "X-Client-Ip", "X-Remote-User", "X-Auth-Request-User",
		"X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Accesstoken", "X-User", "X-Username", "X-Groups", "Forwarded", "Via", "Referer", "Origin", "User-Agent", "Purpose", "Sec-Purpose",
		"Sec-Fetch-Site", "Sec-Fetch-Dest", "Accept", "Content-Type", "Authorization", "Proxy-Authorization", "Upgrade", "Connection", "Te", "Range", "If-None-Match", "Hx-Request", "Hx-Current-Url",
	}
	values := []string{"1", "true", "/api/public", "src/middleware:src/middleware:src/middleware", "GET", "OPTIONS", "127.0.0.1", "localhost", "admin", "kube-probe/1.30", "ELB-HealthChecker/2.0", "Bearer x", "websocket", "prefetch"}
	for _, name := range names {
		for _, value := range values {
			for _, path := range []string{"/dashboard", "/admin"} {
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set(name, value)
				if resp := env.do(r); env.handled != nil || resp.StatusCode < 300 {
					t.Errorf("%s: %s opens %s: %d", name, value, path, resp.StatusCode)
				}
			}
		}
	}
	r := httptest.NewRequest("GET", "/api/other", nil) // and none closes a public path
	for _, name := range names {
		r.Header.Set(name, "/admin")
	}
	if env.do(r); env.handled == nil {
		t.Error("headers changed the verdict on a public path")
	}
}

func TestMethodsAndTargetsWithoutAPath(t *testing.T) {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Matcher: []string{"/admin"}})
	if err != nil {
		t.Fatal(err)
	}
	h := auth.Protect(http.HandlerFunc(privateHandler))
	for _, target := range []string{"OPTIONS *", "CONNECT app.example:443", "GET /admin", "HEAD /admin", "OPTIONS /admin", "BREW /admin", "GET /" + strings.Repeat("a", 9000)} {
		method, uri, _ := strings.Cut(target, " ")
		r, ok := parseRequest(method, uri)
		if !ok {
			t.Errorf("%.40s is no request", target)
			continue
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Ran") != "" {
			t.Errorf("%.40s was let through", target)
		}
	}
	for _, path := range []string{"", "*", "admin"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Ran") != "" {
			t.Errorf("the path %q was let through", path)
		}
	}
}

// TestQueryIsNoPath: the matcher is not asked about the query.
func TestQueryIsNoPath(t *testing.T) {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Matcher: []string{"/admin/:path*"}})
	if err != nil {
		t.Fatal(err)
	}
	h := auth.Protect(http.HandlerFunc(privateHandler))
	for target, public := range map[string]bool{
		"/public?x=/admin": true, "/public?/admin/x": true, "/admin?x=/public": false, "/admin%3F": false, "/public%23/../admin": false,
	} {
		r, _ := parseRequest("GET", target)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Ran") != ""; got != public {
			t.Errorf("%s: public %v, want %v", target, got, public)
		}
	}
}
