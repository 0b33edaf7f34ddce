package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// stripping returns a handler like a proxy that takes a prefix off: the server behind it
// never sees the target as the browser sent it.
func stripping(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := strings.CutPrefix(r.RequestURI, prefix)
		if !ok || p == "" || p[0] != '/' {
			http.NotFound(w, r)
			return
		}
		u, err := url.ParseRequestURI(p)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r = r.Clone(r.Context())
		r.URL, r.RequestURI = u, p
		next.ServeHTTP(w, r)
	})
}

// prefixTakers are what takes a prefix off the path.
var prefixTakers = map[string]func(prefix string, next http.Handler) http.Handler{
	"a proxy":          stripping,
	"http.StripPrefix": http.StripPrefix,
	"chi and http.StripPrefix": func(prefix string, next http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Mount(prefix, http.StripPrefix(prefix, next))
		return r
	},
	"chi in chi": func(prefix string, next http.Handler) http.Handler {
		inner, r := chi.NewRouter(), chi.NewRouter()
		inner.Mount("/", next)
		r.Mount(prefix, http.StripPrefix(prefix, inner))
		return r
	},
	"Route and Use": func(prefix string, next http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Route(prefix, func(r chi.Router) {
			r.Use(func(next http.Handler) http.Handler { return http.StripPrefix(prefix, next) })
			r.Handle("/", next)
			r.Handle("/*", next)
		})
		return r
	},
}

// TestBasePath signs in and out below a prefix that is taken off in front of the guard.
func TestBasePath(t *testing.T) {
	for name, taker := range prefixTakers {
		for _, base := range []string{"/app", "/app/app", "/a/b-c", "/api"}[:longtest.Scale(2, 4)] {
			t.Run(name+", "+base, func(t *testing.T) {
				env := newEnv(t, func(cfg *cognito.Config) {
					cfg.Origin, cfg.Secret, cfg.BasePath = origin, routesSecret, base
					cfg.Matcher = []string{"/((?!public$).*)"}
					cfg.Login.RedirectURI = origin + base + "/api/auth/sign-in-callback"
				})
				mux := http.NewServeMux()
				mux.Handle("/", env.handler)
				mux.Handle("/api/auth/", env.auth.Protect(env.auth.Routes()))
				env.handler = taker(base, mux)
				b := newBrowser(env)
				for _, target := range []string{base + "/dashboard?tab=2", base + "/", base + "/x%20y?q=%2F", base + base + "/z"}[:longtest.Scale(2, 4)] {
					b.openURL(target)
					b.fillInLogin("ada")
					b.expectPage(target, "Hello, ada")
					b.submitForm(base + "/api/auth/sign-out")
					if b.url.Path != "/login" { // AfterSignOut, which is protected
						t.Fatalf("after the sign-out at %s: %.200s", b.url, b.body)
					}
					b.fillInLogin("ada")
					b.expectPage(base+"/", "Hello, ada")
					b.submitForm(base + "/api/auth/sign-out")
				}
			})
		}
	}
}

// TestBasePathIsNoPartOfExemptPaths: only the paths that this server sees are let through.
func TestBasePathIsNoPartOfExemptPaths(t *testing.T) {
	type edit = func(*cognito.Config)
	routes := func(cfg *cognito.Config) {
		cfg.Origin, cfg.Secret, cfg.UserPool.Domain = origin, routesSecret, "auth.example"
	}
	for _, tt := range []struct {
		name              string
		edits             []edit
		exempt, protected []string
	}{
		{"the default", nil, []string{"/sign-in"}, []string{"/app/sign-in", "/app", "/"}},
		{"under it", []edit{func(cfg *cognito.Config) { cfg.SignIn = "/app/users/login" }}, []string{"/users/login"}, []string{"/app/users/login", "/login"}},
		{"beside it", []edit{func(cfg *cognito.Config) { cfg.SignIn = "/login" }}, nil, []string{"/login", "/app/login"}},
		{"beside it, with the same letters", []edit{func(cfg *cognito.Config) { cfg.SignIn = "/application/login" }}, nil, []string{"/lication/login", "/application/login", "/login", "lication/login"}},
		{"routes", []edit{routes}, []string{"/api/auth/sign-in", "/api/auth/sign-in-callback"}, []string{"/app/api/auth/sign-in", "/sign-in", "/"}},
		{"routes beside it", []edit{routes, func(cfg *cognito.Config) { cfg.RoutesPath = "/auth" }}, nil, []string{"/auth/sign-in", "/app/auth/sign-in", "/sign-in"}},
		{"a logout URI", []edit{routes, func(cfg *cognito.Config) { cfg.Login.LogoutURI = origin + "/app/bye" }}, []string{"/bye"}, []string{"/app/bye", "/"}},
		{"a logout URI beside it", []edit{routes, func(cfg *cognito.Config) { cfg.Login.LogoutURI = origin + "/bye" }}, nil, []string{"/bye", "/app/bye"}},
	} {
		auth := newAuth(t, append([]edit{func(cfg *cognito.Config) { cfg.BasePath, cfg.Matcher = "/app", nil }}, tt.edits...)...)
		h := auth.Protect(publicRoute)
		for want, paths := range map[bool][]string{true: tt.exempt, false: tt.protected} {
			for _, p := range paths {
				if ran := p[0] == '/' && handlerThatRan(t, h, "GET", p) != ""; ran != want {
					t.Errorf("%s: %s is let through: %v", tt.name, p, ran)
				}
			}
		}
	}
}

// TestReturnPathUnderBasePath: the return path is the one that browsers see, or none.
func TestReturnPathUnderBasePath(t *testing.T) {
	for _, tt := range []struct {
		base, received, path, want string // path is what a router has made of it
	}{
		{"", "/x?q", "/x", "/sign-in?next=%2Fx%3Fq"},
		{"", "http://evil.example/x?q", "/x", "/sign-in?next=%2Fx%3Fq"},
		{"", "http://evil.example", "/", "/sign-in?next=%2F"},
		{"", "http://evil.example//x", "/", "/sign-in"},
		{"", "*", "*", "/sign-in"},
		{"/app", "/app/x?q", "/x", "/app/sign-in?next=%2Fapp%2Fx%3Fq"},
		{"/app", "/x?q", "/x", "/app/sign-in?next=%2Fapp%2Fx%3Fq"},
		{"/app", "/app/app/x", "/app/x", "/app/sign-in?next=%2Fapp%2Fapp%2Fx"},
		{"/app", "/app/x", "/app/x", "/app/sign-in?next=%2Fapp%2Fapp%2Fx"},
		{"/app", "/app/a%2Fb", "/a%2Fb", "/app/sign-in?next=%2Fapp%2Fa%252Fb"},
		{"/app", "http://evil.example/app/x?q", "/x", "/app/sign-in?next=%2Fapp%2Fx%3Fq"},
		{"/app", "/other/x", "/x", "/app/sign-in"}, // another prefix
		{"/app", "/appx", "/x", "/app/sign-in"},
		{"/app", "/", "/", "/app/sign-in?next=%2Fapp%2F"},
	} {
		auth := newAuth(t, func(cfg *cognito.Config) { cfg.BasePath, cfg.Matcher = tt.base, nil })
		r := pageRequest("/")
		r.Header.Set("X-Forwarded-Prefix", "/evil")
		r.RequestURI = tt.received
		if u, err := url.ParseRequestURI(tt.path); err == nil {
			r.URL = u
		} else {
			r.URL = &url.URL{Path: tt.path}
		}
		w := httptest.NewRecorder()
		auth.Protect(publicRoute).ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != tt.want {
			t.Errorf("BasePath %q, %s served as %s: sent to %q (%d), want %q", tt.base, tt.received, tt.path, got, w.Code, tt.want)
		}
	}
}

// TestPathsUnderBasePath: whatever takes the prefix off, the same pages are public.
func TestPathsUnderBasePath(t *testing.T) {
	for _, tt := range []struct {
		pattern, target string
		public          bool
	}{
		{"/((?!public).*)", "/app/public/a.txt", true},
		{"/((?!public).*)", "/app/public/a%20b.txt", true},
		{"/((?!public).*)", "/app/public/%C3%BC", true},
		{"/((?!public).*)", "/app/x", false},
		{"/((?!public).*)", "/app/publi%63", false},
		{"/((?!public).*)", "/app/app/public", false},
		{"/((?!app/public).*)", "/app/public", false}, // the matcher sees /public
		{"/dashboard/:path*", "/app/", true},
		{"/dashboard/:path*", "/app/x", true},
		{"/dashboard/:path*", "/app/dashboard", false},
		{"/dashboard/:path*", "/app/d%61shboard/x", false},
		{"/app/:path*", "/app/u", true},
		{"/app/:path*", "/app/%C3%BC", true},
		{"/app/:path*", "/app/app/u", false},
		{"/app/:path*", "/app/app", false},
	} {
		for name, taker := range prefixTakers {
			auth := newAuth(t, func(cfg *cognito.Config) { cfg.BasePath, cfg.Matcher = "/app", []string{tt.pattern} })
			r, ok := parseRequest("GET", tt.target)
			if !ok {
				t.Fatal(tt.target)
			}
			w := httptest.NewRecorder()
			taker("/app", auth.Protect(publicRoute)).ServeHTTP(w, r)
			if w.Code == http.StatusNotFound || (w.Code == http.StatusOK) != tt.public {
				t.Errorf("%s, %s: %s: %d", name, tt.pattern, tt.target, w.Code)
			}
		}
	}
	// http.StripPrefix leaves nothing of BasePath itself, which is the home page. Its query
	// counts all the same.
	conditional := newAuth(t, func(cfg *cognito.Config) {
		cfg.BasePath, cfg.Matcher, cfg.ClientConditions = "/app", nil, []string{"query"}
		cfg.Rules = []matcher.Rule{{Source: "/", Has: []matcher.Condition{{Type: "query", Key: "private"}}}}
	})
	for target, public := range map[string]bool{"/app": true, "/app?private=1": false} {
		if ran := handlerThatRan(t, http.StripPrefix("/app", conditional.Protect(publicRoute)), "GET", target) != ""; ran != public {
			t.Errorf("%s is public: %v", target, ran)
		}
	}
	for _, name := range []string{"http.StripPrefix", "chi and http.StripPrefix", "chi in chi"} {
		for pattern, public := range map[string]bool{"/dashboard/:path*": true, "/": false, "/((?!$).*)": true} {
			auth := newAuth(t, func(cfg *cognito.Config) { cfg.BasePath, cfg.Matcher = "/app", []string{pattern} })
			if ran := handlerThatRan(t, prefixTakers[name]("/app", auth.Protect(publicRoute)), "GET", "/app") != ""; ran != public {
				t.Errorf("%s, %s: /app is public: %v", name, pattern, ran)
			}
		}
	}
}

func TestBasePathIsChecked(t *testing.T) {
	for _, base := range []string{"app", "/", "/app/", "//app", "/a//b", "/a b", "/a%20b", "/../a", "/a/./b", "https://x/app", "/a?b", "/a#b", `/a\b`} {
		_, err := cognito.New(cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, BasePath: base})
		if err == nil || !strings.Contains(err.Error(), "BasePath: ") {
			t.Errorf("%q: %v", base, err)
		}
	}
	// A mistake in BasePath causes no error about another field.
	_, err := cognito.New(cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, BasePath: "app"})
	if n := strings.Count(fmt.Sprint(err), "\n"); n != 1 {
		t.Errorf("%v", err)
	}
}
