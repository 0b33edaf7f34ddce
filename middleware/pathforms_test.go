package middleware_test

import (
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// formMatchers protect every path that has a private handler, and no public one. The
// first includes, the second excludes.
var formMatchers = [][]string{
	{
		"/admin/:path*", "/app/admin/:path*", "/app/v1/admin/:path*", "/sign-in/:path*", "/app/sign-in/:path*", "/app/v1/sign-in/:path*",
		"/users/:id", "/app/users/:id", "/app/v1/users/:id", "/files/:id/raw", "/app/files/:id/raw", "/app/v1/files/:id/raw",
	},
	{"/((?!public|app/public|app/v1/public|$|app$).*)"},
}

// formTest has the handlers of these tests behind one matcher.
type formTest struct {
	readers []namedHandler // servers that read the path
	routers []namedHandler
}

type namedHandler struct {
	name string
	http.Handler
}

// formAuths are the Auths of formMatchers.
func formAuths(t testing.TB) (auths []*cognito.Auth) {
	t.Helper()
	for _, patterns := range formMatchers {
		auth, err := cognito.New(cognito.Config{
			UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, Matcher: patterns, Logger: slog.New(slog.DiscardHandler),
			ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}, // the answer costs more than the decision
		})
		if err != nil {
			t.Fatal(err)
		}
		auths = append(auths, auth)
	}
	return auths
}

func newFormTests(t testing.TB) (tests []formTest) {
	t.Helper()
	for _, auth := range formAuths(t) {
		routers := formRouters(auth)
		maps.Copy(routers, routersThatRewriteBehind(auth))
		maps.Copy(routers, placedGuards(auth))
		test := formTest{readers: []namedHandler{
			{"servers", auth.Protect(readingServer())},
			{"segments", auth.Protect(http.HandlerFunc(routeSegments))},
		}}
		for _, name := range slices.Sorted(maps.Keys(routers)) {
			test.routers = append(test.routers, namedHandler{name, routers[name]})
		}
		tests = append(tests, test)
	}
	return tests
}

// ranWriter is a ResponseWriter that knows which handler ran.
type ranWriter struct{ header http.Header }

func (w *ranWriter) Header() http.Header         { return w.header }
func (w *ranWriter) WriteHeader(int)             {}
func (w *ranWriter) Write(p []byte) (int, error) { return len(p), nil }

// ran sends a request without a session and returns the header of the handler that ran.
func ran(h http.Handler, r *http.Request) http.Header {
	r = r.WithContext(r.Context())
	u := *r.URL // middlewares change it
	r.URL = &u
	w := &ranWriter{make(http.Header)}
	h.ServeHTTP(w, r)
	return w.header
}

// checkPrivate sends a target to the readers and to routers. The private handler must
// not run. It returns how many public handlers ran.
func (test formTest) checkPrivate(t testing.TB, method, target string, routers ...namedHandler) (public int) {
	r, ok := parseRequest(method, target)
	if !ok {
		return 0
	}
	for _, h := range slices.Concat(routers, test.readers) {
		switch header := ran(h, r); header.Get("Ran") {
		case "private":
			t.Errorf("%s: %s %q reached the private handler; %s", h.name, method, target, header.Get("Reader"))
		case "public":
			public++
		}
	}
	return public
}

var formTargets = []string{
	"/admin", "/admin/", "/admin/x", "//admin", "/admin//x", "/./admin", "/public/../admin", "/public/..%2fadmin", "/public/%2e%2e/admin",
	"/public/..%252fadmin", "/public/%252e%252e%252fadmin", "/%61dmin", "/%2561dmin", `/public\..\admin`, "/public%5c..%5cadmin", "/public/old/x",
	"/public%23/../admin", "/admin%3F", "/admin%23", "/admin%00", "/admin;x", "/admin.json", "/public?x=/admin", "/admin?public", "/sign-in/../admin",
	"/sign-in/x", "/sign-in%2f..%2fadmin", "/sign-in/..;/admin", "/app/admin", "/app//admin/x", "/app/admin.json", "/app/sign-in/../admin", "/app/public/..%2fadmin",
	"/admin%2f", "/admin%2f..", "/x/../admin/", "/..//admin", "/public//..//admin/", "/public/./../admin", "/public/%2e./admin/x", "/admin/%ff", "http://app.example/admin",
	"http://evil.example//admin", "*", "/", "//", "///", "/ADMIN", "/admin%20", "/%20admin", "/public/old/../../admin", "/public/..;/admin", "/admin;x/y", "/public%5c..%5cadmin%2fx%3fy", "/app/public/..%5cadmin", "/sign-in", "/sign-in/", "/sign-in//",
	// References to another host.
	"//x/admin", "///x/admin", "http://h//x/admin", "http:///x/admin", "http:/x/admin", "//a.b/admin", `/\x/admin`, `/\/x/admin`, "/%2fx/admin", "/%5cx/admin", "/%252fx/admin", "/%255cx/admin", "//public/admin",
	"/.//x/admin", "/public/..//x/admin", "/public/%2e%2e//x/admin", "/;x/public/admin", "/app//public/admin", "/app/%2fpublic/admin", `/app/\public/admin`, "/app///x/admin",
	// Delimiters that come out of decoding.
	"/admin%3fx.png", "/admin%23x.png", "/admin#x", "/admin%3bx.png", "/admin/x%3f/public", "/admin%253fx", "/admin%2523x", "/admin%09", "/admin%0a", "/admin%0d", "/ad%09min", "/%09/admin",
	"/admin%20%20", "/admin%C2%A0", "/admin%E3%80%80", "/admin%EF%BB%BF", "/admin%2520", "/admin%20%3fx", "/admin%1f", "/admin%7f", "/admin%C2%85", "/public%3f/../../admin", "/public%3b/../admin",
	// Servers that read in another order: dot segments or parameters first, then escapes.
	"/./%61dmin/%2E%2e/old/%C2%A0", "/x;%2fz/%61dmin/y", "/%61dmin;%2fpublic", "/app/x;%2f/%61dmin", "/public;%2f..%2fadmin", "/%25252561dmin", "/public%25252f..%25252fadmin",
	// A segment with an escaped slash.
	"/users/a%2Fb", "/users/a%2fb", "/%75sers/a%2Fb", "/%75s%65rs/%2F", "/users/%2F%3F", "/users/%61%2F;x", "/users/a%2Fb%5C", "/files/a%2Fb/raw", "/%66iles/%2F%2F/r%61w", "/app/users/a%2Fb", "/%61pp/v1/users/%2F",
	"/users%2Fa", "/admin%2Fa/b", "/public%2F..%2Fadmin/x", "/users/a%2F..%2Fpublic", "/users/a%252Fb", "/users/a%2Fb%20", "/files/%2f%23/raw", "/users/http:%2F%2Fh%2Fadmin",
	// Middlewares that rewrite.
	"/en/admin", "/en/admin/x", "/en/app/admin", "/en/app/admin/x", "/en/app/en/admin", "/app/en/admin", "/app/en/v1/en/admin", "/app/v1/en/admin/x", "/en/app/en/v1/en/admin", "/en", "/en/", "/app/en", "/app/v1/en",
	"/admin.html", "/admin/edit", "/app/admin.html", "/app/v1/admin/edit", "/app/v1/admin.json", "/app/old", "/app/v1/old/x", "/old", "/public/old", "/app/public/old/x", "/app/admin/public", "/app%2fadmin", "/app/%61dmin", "/app/v1/%2561dmin",
	"/app/v1/admin", "/app/v1/admin/", "/app/v1//admin", "/app/v1", "/app/v1/", "/app.json/admin", "/app/v1.x/admin", "/xyz/public/admin", "/pub/lic/admin", "/app/{version}/admin", "/app/*/admin", "/app/public/admin/admin",
}

// targetParts have fooled other guards.
var targetParts = []string{
	"/", "//", "admin", "public", "sign-in", "app", "v1", "en", "old", "edit", "x", ".json", ".html", ".png", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", `\`, "%252f", "%252e", "%61dmin", "%2561dmin",
	"users", "%75sers", "files", "%66iles", "raw", "%72aw", "a%2Fb", "%2F", "%2f%2F",
	";", "..;", ";x", "%3b", "%00", "%ff", "%3f", "%253f", "?", "#", "%23", "%2523", " ", "%20", "%2520", "%09", "%0a", "%0d", "%7f", "%C2%A0", "@", "@h/", ":80", "http:", "/app/", "/public/", "/admin/",
}

func randomTarget(random *rand.Rand) string {
	var target strings.Builder
	target.WriteString([]string{"/", "/", "/", "/", "/", "/", "//", "http://h/", "http:///", "/app/", "/app/v1/", "/public/", "/users/", "/%75sers/", "/files/"}[random.IntN(15)])
	for range 1 + random.IntN(7) {
		target.WriteString(targetParts[random.IntN(len(targetParts))])
		if random.IntN(2) == 0 {
			target.WriteString("/")
		}
	}
	return target.String()
}

// TestPathFormsOfEveryMethod: the method changes no decision about a path. The GETs are
// in FuzzPathForms.
func TestPathFormsOfEveryMethod(t *testing.T) {
	for _, test := range newFormTests(t) {
		for i, target := range formTargets {
			for j, method := range []string{"HEAD", "OPTIONS", "CONNECT", "POST", "BREW"} {
				test.checkPrivate(t, method, target, test.routers[(i+j)%len(test.routers)])
			}
		}
	}
}

// TestRandomPathForms sends each target to the readers and to some of the routers.
func TestRandomPathForms(t *testing.T) {
	t.Parallel()
	tests := newFormTests(t)
	const workers = 2
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			public := 0
			for range longtest.Scale(1500, 1_000_000) / workers {
				test := tests[random.IntN(len(tests))]
				var routers []namedHandler
				for range 10 {
					routers = append(routers, test.routers[random.IntN(len(test.routers))])
				}
				public += test.checkPrivate(t, "GET", randomTarget(random), routers...)
			}
			if t.Logf("%d public pages were served", public); public == 0 {
				t.Error("no public page was served")
			}
		})
	}
	wg.Wait()
}

// TestPathFormRoutersServePublicPages: the routers do not pass the other tests by refusing
// every request.
func TestPathFormRoutersServePublicPages(t *testing.T) {
	for _, test := range newFormTests(t) {
		for _, h := range slices.Concat(test.routers, test.readers) {
			served := false
			for _, target := range []string{"/public/x", "/app/public/x", "/app/v1/public/x"} {
				r, _ := parseRequest("GET", target)
				served = served || ran(h, r).Get("Ran") == "public"
			}
			if !served {
				t.Errorf("%s: no public page is served", h.name)
			}
		}
	}
}

// FuzzPathForms sends each target to every router.
func FuzzPathForms(f *testing.F) {
	for _, target := range formTargets {
		f.Add(target)
	}
	tests := newFormTests(f)
	f.Fuzz(func(t *testing.T, target string) {
		for _, test := range tests {
			test.checkPrivate(t, "GET", target, test.routers...)
		}
	})
}
