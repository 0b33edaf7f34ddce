package middleware_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// expired is a page's request of a user whose tokens have just expired, so that the
// answer carries cookies.
func (a *app) expired(user, target string) *http.Request {
	r := page(target)
	a.cognito.SignIn(r, user)
	a.clock.advance(2 * time.Hour)
	return r
}

// visit asks a server on a port in the same way.
func (a *app) visit(url string) *http.Response {
	a.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		a.Fatal(err)
	}
	a.cognito.SignIn(r, "ada")
	a.clock.advance(2 * time.Hour)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		a.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// TestErrorHandlersCannotOpenOurCookiesToCaches: a refusal may carry cookies too.
func TestErrorHandlersCannotOpenOurCookiesToCaches(t *testing.T) {
	var shown *http.Request
	a := newApp(t, func(cfg *cognito.Config) {
		cfg.ErrorHandler = func(w http.ResponseWriter, r *http.Request, _ error) {
			shown = r
			public(w)
			w.Header().Set("Vary", "Accept")
			w.WriteHeader(http.StatusForbidden)
		}
	})
	r := a.expired("grace", "/admin") // refreshed, and not in the group
	w := httptest.NewRecorder()
	a.auth.RequireGroup("admins")(http.HandlerFunc(nothing)).ServeHTTP(w, r)
	resp := w.Result()
	if set, _ := cookies(resp); len(set) == 0 || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("%d, cookies %v", resp.StatusCode, set)
	}
	if cc, vary := resp.Header.Get("Cache-Control"), resp.Header["Vary"]; cc != "private, no-store" || !strings.Contains(strings.Join(vary, ","), "Cookie") {
		t.Errorf("a refusal with cookies has Cache-Control %q, Vary %q", cc, vary)
	}
	if s, _ := session.FromContext(shown.Context()); s == nil || !strings.Contains(shown.Header.Get("Cookie"), s.AccessToken().Raw()) {
		t.Error("the ErrorHandler does not see the fresh session and cookies")
	}
	r = a.expired("ada", "/dashboard")
	a.cognito.RemoveUser("ada")
	resp = a.do(r)
	if _, cleared := cookies(resp); len(cleared) == 0 || resp.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("cookies cleared %v, Cache-Control %q", cleared, resp.Header.Get("Cache-Control"))
	}
}

// TestVaryThatOnlySpeaksOfCookies is not Vary: Cookie.
func TestVaryThatOnlySpeaksOfCookies(t *testing.T) {
	for _, before := range []string{"X-Cookie-Consent", "Accept, Cookie2"} {
		for _, signedIn := range []bool{true, false} {
			a := newApp(t)
			r := page("/x")
			if signedIn {
				a.cognito.SignIn(r, "ada")
			}
			w := httptest.NewRecorder()
			w.Header().Set("Vary", before)
			a.auth.Protect(http.HandlerFunc(nothing)).ServeHTTP(w, r)
			names := strings.FieldsFunc(strings.Join(w.Header()["Vary"], ","), func(c rune) bool { return c == ',' || c == ' ' })
			found := 0
			for _, name := range names {
				if name == "Cookie" {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s, signed in %v: Vary %q", before, signedIn, w.Header()["Vary"])
			}
		}
	}
	a := newApp(t)
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Accept,cookie")
	a.auth.Protect(http.HandlerFunc(nothing)).ServeHTTP(w, page("/x"))
	if got := w.Header()["Vary"]; len(got) != 1 {
		t.Errorf("Vary %q", got)
	}
}

// TestRequireFuncSeesTheSession in the context too, and the fresh cookies.
func TestRequireFuncSeesTheSession(t *testing.T) {
	a := newApp(t)
	asked := false
	h := a.auth.RequireFunc(func(r *http.Request, s *session.Session) bool {
		inContext, ok := session.FromContext(r.Context())
		asked = ok && inContext == s && strings.Contains(r.Header.Get("Cookie"), s.AccessToken().Raw())
		return true
	})(http.HandlerFunc(nothing))
	h.ServeHTTP(httptest.NewRecorder(), a.expired("ada", "/x"))
	if !asked {
		t.Error("the function does not see the session that it judges")
	}
	defer func() {
		if recover() == nil {
			t.Error("the panic is swallowed")
		}
	}()
	r := page("/x")
	a.cognito.SignIn(r, "ada")
	a.auth.RequireFunc(func(*http.Request, *session.Session) bool { panic("on purpose") })(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).ServeHTTP(httptest.NewRecorder(), r)
}

// The writers of middlewares before the guard, with some of what the server's has.
type (
	flushHijacker struct{ http.ResponseWriter }
	hijackerOnly  struct{ http.ResponseWriter }
	unwrapOnly    struct{ http.ResponseWriter }
	flushFails    struct{ http.ResponseWriter }
)

var errFlush = errors.New("the client is gone")

func (w flushHijacker) Flush()                                       { w.ResponseWriter.(http.Flusher).Flush() }
func (w flushHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }
func (w hijackerOnly) Hijack() (net.Conn, *bufio.ReadWriter, error)  { return nil, nil, nil }
func (w unwrapOnly) Unwrap() http.ResponseWriter                     { return w.ResponseWriter }
func (w flushFails) Flush()                                          {}
func (w flushFails) FlushError() error                               { return errFlush }

// TestWriterOffersWhatOtherWritersDo: whether a handler can take the connection over
// must not depend on whether the session has just been refreshed.
func TestWriterOffersWhatOtherWritersDo(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"Flush and Hijack": func(w http.ResponseWriter) http.ResponseWriter { return flushHijacker{w} },
		"Hijack":           func(w http.ResponseWriter) http.ResponseWriter { return hijackerOnly{w} },
		"Unwrap":           func(w http.ResponseWriter) http.ResponseWriter { return unwrapOnly{w} },
		"nothing":          func(w http.ResponseWriter) http.ResponseWriter { return plainWriter{w} },
		"a recorder's":     func(w http.ResponseWriter) http.ResponseWriter { return w },
	} {
		a := newApp(t)
		outer := wrap(httptest.NewRecorder())
		a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if w == outer {
				t.Fatal("not wrapped")
			}
			_, f1 := outer.(http.Flusher)
			_, f2 := w.(http.Flusher)
			_, h1 := outer.(http.Hijacker)
			_, h2 := w.(http.Hijacker)
			_, r2 := w.(io.ReaderFrom)
			if f1 != f2 || h1 != h2 || r2 {
				t.Errorf("%s: Flusher %v, Hijacker %v, ReaderFrom %v", name, f2, h2, r2)
			}
		})).ServeHTTP(outer, a.expired("ada", "/x"))
	}
}

// TestHijackBehindCompress is the same with a middleware that many mount.
func TestHijackBehindCompress(t *testing.T) {
	a := newApp(t)
	router := chi.NewRouter()
	router.Use(chimiddleware.Compress(5), a.auth.Protect)
	router.Get("/x", func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); !ok {
			t.Error("a WebSocket cannot be opened")
		}
	})
	srv := httptest.NewServer(router)
	defer srv.Close()
	a.visit(srv.URL + "/x")
}

// TestFlushThroughAnUnwrappingWriter: http.ResponseController looks for a Flush
// behind writers that have none, and must not find it behind the guard's back.
func TestFlushThroughAnUnwrappingWriter(t *testing.T) {
	a := newApp(t)
	w := httptest.NewRecorder()
	a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		public(w)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(unwrapOnly{w}, a.expired("ada", "/x"))
	if cc := w.Result().Header.Get("Cache-Control"); cc != "private, no-store" {
		t.Errorf("Cache-Control %q", cc)
	}
}

func TestResponseControllerReachesTheServer(t *testing.T) {
	a := newApp(t)
	a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, errFlush) {
			t.Errorf("Flush: %v", err)
		}
	})).ServeHTTP(flushFails{httptest.NewRecorder()}, a.expired("ada", "/x"))
	a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Flush of a writer without: %v", err)
		}
	})).ServeHTTP(plainWriter{httptest.NewRecorder()}, a.expired("ada", "/x"))
	srv := httptest.NewServer(a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		for name, err := range map[string]error{
			"SetReadDeadline": c.SetReadDeadline(time.Time{}), "SetWriteDeadline": c.SetWriteDeadline(time.Time{}),
			"EnableFullDuplex": c.EnableFullDuplex(), "Flush": c.Flush(),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})))
	defer srv.Close()
	resp := a.visit(srv.URL + "/x")
	if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" || resp.Header["Set-Cookie"] == nil {
		t.Errorf("Cache-Control %q", cc)
	}
}
