package middleware_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// newAPIAuth returns an Auth without an emulator, which takes time to make its keys.
func newAPIAuth(t *testing.T, edits ...func(*cognito.Config)) *cognito.Auth {
	t.Helper()
	cfg := cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}}
	for _, edit := range edits {
		edit(&cfg)
	}
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

const wellKnown = "/.well-known/oauth-protected-resource"

// TestResourceMetadata serves the documents of several resources behind Protect, mounted
// in chi and in ServeMux.
func TestResourceMetadata(t *testing.T) {
	auth := newAPIAuth(t, asAPI, func(cfg *cognito.Config) {
		cfg.Audience = []string{appOrigin, mcpResource, appOrigin + "/api/v2/", "https://elsewhere.example/x"}
	})
	metadata := auth.ResourceMetadata("orders/read", "openid")
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.Mount(wellKnown, metadata)
	router.HandleFunc("/*", privateHandler)
	mux := http.NewServeMux()
	mux.Handle(wellKnown, metadata)
	mux.Handle(wellKnown+"/", metadata)
	mux.HandleFunc("/", privateHandler)
	for name, h := range map[string]http.Handler{"chi": router, "ServeMux": auth.Protect(mux)} {
		for path, resource := range map[string]string{"": appOrigin, "/mcp": mcpResource, "/api/v2/": appOrigin + "/api/v2/"} {
			r := httptest.NewRequest("GET", wellKnown+path, nil)
			r.Host = "evil.example"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var document struct {
				Resource string   `json:"resource"`
				Servers  []string `json:"authorization_servers"`
				Scopes   []string `json:"scopes_supported"`
				Methods  []string `json:"bearer_methods_supported"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%s, %s: %d %q", name, path, w.Code, w.Body)
			}
			if document.Resource != resource || len(document.Servers) != 1 || !strings.HasPrefix(document.Servers[0], "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_") ||
				!slices.Equal(document.Scopes, []string{"orders/read", "openid"}) || !slices.Equal(document.Methods, []string{"header"}) {
				t.Errorf("%s, %s: %+v", name, path, document)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Vary") != "" || w.Header().Get("Cache-Control") != "public, max-age=3600" {
				t.Errorf("%s, %s: %v", name, path, w.Header())
			}
		}
		for method, status := range map[string]int{"HEAD": 200, "OPTIONS": 204, "POST": 405, "DELETE": 405} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, wellKnown+"/mcp", nil))
			if w.Code != status {
				t.Errorf("%s, %s: %d", name, method, w.Code)
			}
		}
		// Only the exact paths are let through.
		for _, target := range []string{
			wellKnown + "/", wellKnown + "/mcp/", wellKnown + "/mcp/x", wellKnown + "/api/v2", wellKnown + "//mcp", wellKnown + "/x", wellKnown + "x", wellKnown + ";x", wellKnown + "%2f",
			wellKnown + "/./mcp", wellKnown + "/x/../mcp", wellKnown + "/%6dcp", "/%2ewell-known/oauth-protected-resource", "/.WELL-KNOWN/oauth-protected-resource",
			"/x/.." + wellKnown, "/" + wellKnown, "/.well-known/", "/.well-known/openid-configuration", wellKnown + "/mcp%23", wellKnown + "/mcp%3fx", wellKnown + "/mcp;a=b", wellKnown + "%2fmcp",
		} {
			r, ok := parseRequest("GET", target)
			if !ok {
				t.Fatal(target)
			}
			r.Header.Set("Accept", "application/json")
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code == 200 || w.Header().Get("Ran") != "" {
				t.Errorf("%s: %s is let through: %d", name, target, w.Code)
			}
		}
	}
	// Not mounted, only the exact path reaches another handler. Audit says so.
	unmounted := chi.NewRouter()
	unmounted.Use(auth.Protect)
	unmounted.Get("/*", privateHandler)
	if report := auth.Audit(unmounted); report[0].By != "" || report[0].Public != "/sign-in" && !strings.HasPrefix(report[0].Public, wellKnown) {
		t.Errorf("%+v", report)
	}
	for path, public := range map[string]bool{wellKnown: true, wellKnown + "/mcp": true, wellKnown + "/x": false} {
		if g := auth.GuardOf("GET", path); (g.By == "") != public {
			t.Errorf("%+v", g)
		}
	}
	if metadata := newAPIAuth(t, asAPI, func(cfg *cognito.Config) {
		cfg.BearerFrom = func(r *http.Request) string { return r.Header.Get("X-Token") }
	}).ResourceMetadata(); true {
		w := httptest.NewRecorder()
		metadata.ServeHTTP(w, httptest.NewRequest("GET", wellKnown+"/mcp", nil))
		if body := w.Body.String(); strings.Contains(body, "bearer_methods_supported") || strings.Contains(body, "scopes_supported") {
			t.Errorf("with BearerFrom and no scopes: %s", body)
		}
	}
}

// TestRewrittenPathIsNoMetadata: a middleware has had chi route the request elsewhere.
func TestRewrittenPathIsNoMetadata(t *testing.T) {
	auth := newAPIAuth(t, asAPI)
	router := chi.NewRouter()
	router.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			chi.RouteContext(r.Context()).RoutePath = "/private"
			next.ServeHTTP(w, r)
		})
	}, auth.Protect)
	router.HandleFunc("/private", privateHandler)
	if got := handlerThatRan(t, router, "GET", wellKnown+"/mcp"); got != "" {
		t.Errorf("ran %q", got)
	}
}

// TestMetadataOfBasePath: browsers and this server see the path of the metadata alike.
func TestMetadataOfBasePath(t *testing.T) {
	auth := newAPIAuth(t, asAPI, func(cfg *cognito.Config) {
		cfg.BasePath, cfg.Audience = "/app", []string{appOrigin + "/app/mcp"}
	})
	r := bearerRequest("POST", "/mcp", "") // a proxy has taken BasePath off
	want := `Bearer resource_metadata="` + appOrigin + wellKnown + `/app/mcp"`
	if got := answerOf(auth.Protect, r).Header.Get("WWW-Authenticate"); got != want {
		t.Error(got)
	}
	if got := handlerThatRan(t, auth.Protect(auth.ResourceMetadata()), "GET", wellKnown+"/app/mcp"); got != "" {
		t.Error(got)
	}
	if g := auth.GuardOf("GET", wellKnown+"/app/mcp"); g.By != "" {
		t.Errorf("%+v", g)
	}
	if g := auth.GuardOf("GET", wellKnown+"/mcp"); g.By == "" {
		t.Errorf("%+v", g)
	}
}

// TestAudienceMistakes reports every mistake by its field, and ResourceMetadata panics
// without a resource.
func TestAudienceMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		audience []string
		edit     func(*cognito.Config)
		field    string // "" if nothing is wrong
	}{
		"URLs":                   {[]string{mcpResource, "https://api.example.com/a?b=c", "myapp://x"}, nil, ""},
		"no URL":                 {[]string{mcpResource, "orders"}, nil, "Audience[1]"},
		"empty":                  {[]string{""}, nil, "Audience[0]"},
		"a fragment":             {[]string{mcpResource + "#x"}, nil, "Audience[0]"},
		"a query":                {[]string{mcpResource + "?x"}, nil, "Audience[0]"},
		"dot segments":           {[]string{appOrigin + "/x/../mcp"}, nil, "Audience[0]"},
		"an escape":              {[]string{appOrigin + "/m%63p"}, nil, "Audience[0]"},
		"the same twice":         {[]string{mcpResource, mcpResource}, nil, "Audience[1]"},
		"the same document":      {[]string{appOrigin, appOrigin + "/"}, nil, "Audience[1]"},
		"a query, not published": {[]string{mcpResource + "?x"}, func(cfg *cognito.Config) { cfg.Bearer = false }, ""},
		"lacks Login.Resource": {[]string{mcpResource}, func(cfg *cognito.Config) {
			cfg.RoutesPath, cfg.Secret, cfg.Login.Resource = "", routesSecret, "https://api.example.com"
		}, "Audience"},
		"has Login.Resource": {[]string{mcpResource}, func(cfg *cognito.Config) {
			cfg.RoutesPath, cfg.Secret, cfg.Login.Resource = "", routesSecret, mcpResource
		}, ""},
	} {
		cfg := cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a", Domain: "auth.example.com"}}
		asAPI(&cfg)
		cfg.Audience = test.audience
		if test.edit != nil {
			test.edit(&cfg)
		}
		_, err := cognito.New(cfg)
		if (err != nil) != (test.field != "") || err != nil && !strings.Contains(err.Error(), "\n"+test.field+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, f := range map[string]func(){
		"no Audience": func() { newAPIAuth(t, func(cfg *cognito.Config) { cfg.Bearer = true }).ResourceMetadata() },
		"no Bearer": func() {
			newAPIAuth(t, asAPI, func(cfg *cognito.Config) { cfg.Bearer = false }).ResourceMetadata()
		},
		"no scope":            func() { newAPIAuth(t, asAPI).ResourceMetadata("a b") },
		"machines, no Bearer": func() { newAPIAuth(t).RequireMachine() },
		"machines, no scope":  func() { newAPIAuth(t, asAPI).RequireMachine("") },
	} {
		func() {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "cognitogate: ") {
					t.Errorf("%s: recovered %q", name, text)
				}
			}()
			f()
		}()
	}
}

// TestAudienceFinding: bearer tokens of other resources are accepted if nothing is named.
func TestAudienceFinding(t *testing.T) {
	has := func(auth *cognito.Auth) bool {
		return slices.ContainsFunc(auth.Findings(), func(f cognito.Finding) bool { return f.Source == "Config.Audience" })
	}
	bearer := func(cfg *cognito.Config) { cfg.Bearer = true }
	if !has(newAPIAuth(t, bearer)) || has(newAPIAuth(t, asAPI)) || has(newAPIAuth(t)) {
		t.Error("the finding is not that of Bearer without Audience")
	}
}
