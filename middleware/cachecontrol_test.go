package middleware_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// answers are handlers that write their answer in every possible way. Most of them
// allow caches to store it.
var answers = map[string]http.HandlerFunc{
	"writes nothing": func(w http.ResponseWriter, _ *http.Request) { allowCaching(w) },
	"WriteHeader":    func(w http.ResponseWriter, _ *http.Request) { allowCaching(w); w.WriteHeader(http.StatusAccepted) },
	"Write":          func(w http.ResponseWriter, _ *http.Request) { allowCaching(w); io.WriteString(w, "text") },
	"flushes early": func(w http.ResponseWriter, _ *http.Request) {
		allowCaching(w)
		w.(http.Flusher).Flush()
		io.WriteString(w, "text")
	},
	"flushes by ResponseController": func(w http.ResponseWriter, _ *http.Request) {
		allowCaching(w)
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
	},
	"ReadFrom": func(w http.ResponseWriter, _ *http.Request) {
		allowCaching(w)
		w.(io.ReaderFrom).ReadFrom(strings.NewReader("text"))
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		allowCaching(w)
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		allowCaching(w)
		w.WriteHeader(http.StatusOK)
	},
	"file server": http.FileServerFS(fstest.MapFS{"x": &fstest.MapFile{Data: []byte("text"), ModTime: time.Unix(1, 0)}}).ServeHTTP,
	"missing file": func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/missing"
		http.FileServerFS(fstest.MapFS{}).ServeHTTP(w, r)
	},
	"not modified": func(w http.ResponseWriter, r *http.Request) {
		allowCaching(w)
		r.Header.Set("If-Modified-Since", time.Unix(100, 0).UTC().Format(http.TimeFormat))
		http.ServeContent(w, r, "x", time.Unix(1, 0), strings.NewReader("text"))
	},
	"http.Error": func(w http.ResponseWriter, _ *http.Request) { allowCaching(w); http.Error(w, "no", http.StatusTeapot) },
	"redirect": func(w http.ResponseWriter, r *http.Request) {
		allowCaching(w)
		http.Redirect(w, r, "/y", http.StatusFound)
	},
	"panics": func(w http.ResponseWriter, _ *http.Request) { allowCaching(w); panic("on purpose") },
	"takes Vary for itself": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Vary", "Accept")
		allowCaching(w)
	},
}

func allowCaching(w http.ResponseWriter) { w.Header().Set("Cache-Control", "public, max-age=3600") }

// TestAnswersWithSessionCookiesAreNeverCached serves the answers on a real connection,
// as a cache would get them.
func TestAnswersWithSessionCookiesAreNeverCached(t *testing.T) {
	tokensInCookies(t)
	for name, answer := range answers {
		env := newEnv(t)
		srv := httptest.NewServer(chimiddleware.Recoverer(env.auth.Protect(answer)))
		r, err := http.NewRequest("GET", srv.URL+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		env.server.SignIn(r, "ada")
		env.clock.advance(2 * time.Hour) // refreshed: the answer sets cookies
		trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			if cc := h.Get("Cache-Control"); h.Get("Set-Cookie") != "" && cc != "private, no-store" {
				t.Errorf("%s: an informational answer has Cache-Control %q", name, cc)
			}
			return nil
		}}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
		if err != nil {
			t.Fatal(name, ": ", err)
		}
		resp.Body.Close()
		srv.Close()
		if set, _ := changedCookies(resp); len(set) == 0 {
			t.Errorf("%s: the refresh has not reached the browser", name)
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" {
			t.Errorf("%s: Cache-Control %q", name, cc)
		}
		if vary := strings.Join(resp.Header["Vary"], ","); !strings.Contains(vary, "Cookie") {
			t.Errorf("%s: Vary %q", name, vary)
		}
	}
}

// TestHandlersOwnCacheControlWins where the answer sets no session cookie.
func TestHandlersOwnCacheControlWins(t *testing.T) {
	env := newEnv(t)
	h := env.auth.Protect(answers["Write"])
	r := pageRequest("/x")
	env.server.SignIn(r, "ada")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if cc := w.Header().Get("Cache-Control"); cc != "public, max-age=3600" {
		t.Errorf("Cache-Control %q", cc)
	}
	// The handler must not have changed the values that all answers share.
	w = httptest.NewRecorder()
	env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Cache-Control", "no-transform")
		w.Header().Add("Vary", "Accept")
	})).ServeHTTP(w, r)
	w = httptest.NewRecorder()
	env.auth.Protect(http.HandlerFunc(emptyHandler)).ServeHTTP(w, r)
	if cc, vary := w.Header()["Cache-Control"], w.Header()["Vary"]; len(cc) != 1 || cc[0] != "private, no-store" || len(vary) != 1 || vary[0] != "Cookie" {
		t.Errorf("the next answer has %q, %q", cc, vary)
	}
}

// TestErrorHandlersCannotAllowCachingOfSessionCookies: a refusal may set cookies too.
func TestErrorHandlersCannotAllowCachingOfSessionCookies(t *testing.T) {
	tokensInCookies(t)
	var shown *http.Request
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.ErrorHandler = func(w http.ResponseWriter, r *http.Request, _ error) {
			shown = r
			allowCaching(w)
			w.Header().Set("Vary", "Accept")
			w.WriteHeader(http.StatusForbidden)
		}
	})
	r := env.expiredRequest("grace", "/admin") // refreshed, and not in the group
	w := httptest.NewRecorder()
	env.auth.RequireGroup("admins")(http.HandlerFunc(emptyHandler)).ServeHTTP(w, r)
	resp := w.Result()
	if set, _ := changedCookies(resp); len(set) == 0 || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("%d, cookies %v", resp.StatusCode, set)
	}
	if cc, vary := resp.Header.Get("Cache-Control"), resp.Header["Vary"]; cc != "private, no-store" || !strings.Contains(strings.Join(vary, ","), "Cookie") {
		t.Errorf("a refusal with cookies has Cache-Control %q, Vary %q", cc, vary)
	}
	if s, _ := session.FromContext(shown.Context()); s == nil || !carries(shown, s) {
		t.Error("the ErrorHandler does not see the fresh session and cookies")
	}
	r = env.expiredRequest("ada", "/dashboard")
	env.server.RemoveUser("ada")
	resp = env.do(r)
	if _, cleared := changedCookies(resp); len(cleared) == 0 || resp.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("cookies cleared %v, Cache-Control %q", cleared, resp.Header.Get("Cache-Control"))
	}
}

// TestVaryOfSimilarNames: "Vary: Cookie2" is not "Vary: Cookie".
func TestVaryOfSimilarNames(t *testing.T) {
	for _, before := range []string{"X-Cookie-Consent", "Accept, Cookie2"} {
		for _, signedIn := range []bool{true, false} {
			env := newEnv(t)
			r := pageRequest("/x")
			if signedIn {
				env.server.SignIn(r, "ada")
			}
			w := httptest.NewRecorder()
			w.Header().Set("Vary", before)
			env.auth.Protect(http.HandlerFunc(emptyHandler)).ServeHTTP(w, r)
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
	env := newEnv(t)
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Accept,cookie")
	env.auth.Protect(http.HandlerFunc(emptyHandler)).ServeHTTP(w, pageRequest("/x"))
	if got := w.Header()["Vary"]; len(got) != 1 {
		t.Errorf("Vary %q", got)
	}
}
