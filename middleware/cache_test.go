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
)

// answers are handlers that write their answer in every way there is, most of them
// with a Cache-Control that opens it to caches.
var answers = map[string]http.HandlerFunc{
	"writes nothing": func(w http.ResponseWriter, _ *http.Request) { public(w) },
	"WriteHeader":    func(w http.ResponseWriter, _ *http.Request) { public(w); w.WriteHeader(http.StatusAccepted) },
	"Write":          func(w http.ResponseWriter, _ *http.Request) { public(w); io.WriteString(w, "text") },
	"flushes early": func(w http.ResponseWriter, _ *http.Request) {
		public(w)
		w.(http.Flusher).Flush()
		io.WriteString(w, "text")
	},
	"flushes by ResponseController": func(w http.ResponseWriter, _ *http.Request) {
		public(w)
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
	},
	"ReadFrom": func(w http.ResponseWriter, _ *http.Request) {
		public(w)
		w.(io.ReaderFrom).ReadFrom(strings.NewReader("text"))
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		public(w)
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		public(w)
		w.WriteHeader(http.StatusOK)
	},
	"file server": http.FileServerFS(fstest.MapFS{"x": &fstest.MapFile{Data: []byte("text"), ModTime: time.Unix(1, 0)}}).ServeHTTP,
	"missing file": func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/missing"
		http.FileServerFS(fstest.MapFS{}).ServeHTTP(w, r)
	},
	"not modified": func(w http.ResponseWriter, r *http.Request) {
		public(w)
		r.Header.Set("If-Modified-Since", time.Unix(100, 0).UTC().Format(http.TimeFormat))
		http.ServeContent(w, r, "x", time.Unix(1, 0), strings.NewReader("text"))
	},
	"http.Error": func(w http.ResponseWriter, _ *http.Request) { public(w); http.Error(w, "no", http.StatusTeapot) },
	"redirect":   func(w http.ResponseWriter, r *http.Request) { public(w); http.Redirect(w, r, "/y", http.StatusFound) },
	"panics":     func(w http.ResponseWriter, _ *http.Request) { public(w); panic("on purpose") },
	"takes Vary for itself": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Vary", "Accept")
		public(w)
	},
}

func public(w http.ResponseWriter) { w.Header().Set("Cache-Control", "public, max-age=3600") }

// TestAnswersWithOurCookiesAreNeverCached serves them on a real connection, where a
// cache would see what it gets.
func TestAnswersWithOurCookiesAreNeverCached(t *testing.T) {
	for name, answer := range answers {
		a := newApp(t)
		srv := httptest.NewServer(chimiddleware.Recoverer(a.auth.Protect(answer)))
		r, err := http.NewRequest("GET", srv.URL+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		a.cognito.SignIn(r, "ada")
		a.clock.advance(2 * time.Hour) // refreshed: the answer sets cookies
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
		if set, _ := cookies(resp); len(set) == 0 {
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

// TestHandlersOwnCacheControlWins where the answer carries none of our cookies.
func TestHandlersOwnCacheControlWins(t *testing.T) {
	a := newApp(t)
	h := a.auth.Protect(answers["Write"])
	r := page("/x")
	a.cognito.SignIn(r, "ada")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if cc := w.Header().Get("Cache-Control"); cc != "public, max-age=3600" {
		t.Errorf("Cache-Control %q", cc)
	}
	// The values that guards share must not have been written through.
	w = httptest.NewRecorder()
	a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Cache-Control", "no-transform")
		w.Header().Add("Vary", "Accept")
	})).ServeHTTP(w, r)
	w = httptest.NewRecorder()
	a.auth.Protect(http.HandlerFunc(nothing)).ServeHTTP(w, r)
	if cc, vary := w.Header()["Cache-Control"], w.Header()["Vary"]; len(cc) != 1 || cc[0] != "private, no-store" || len(vary) != 1 || vary[0] != "Cookie" {
		t.Errorf("the next answer has %q, %q", cc, vary)
	}
}

// TestHijackedConnection: a handler that takes the connection over still gets it.
func TestHijackedConnection(t *testing.T) {
	a := newApp(t)
	srv := httptest.NewServer(a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if w.Header().Get("Set-Cookie") == "" || w.Header().Get("Cache-Control") != "private, no-store" {
			t.Error("the header is not complete when the connection is taken over")
		}
		io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n")
	})))
	defer srv.Close()
	resp := a.visit(srv.URL)
	if resp.StatusCode != 299 {
		t.Errorf("got %d", resp.StatusCode)
	}
}

// plainWriter has nothing but the three methods.
type plainWriter struct{ http.ResponseWriter }

// TestWriterOffersWhatTheServersDoes: no more, because handlers ask by type.
func TestWriterOffersWhatTheServersDoes(t *testing.T) {
	a := newApp(t)
	r := page("/x")
	a.cognito.SignIn(r, "ada")
	a.clock.advance(2 * time.Hour)
	guarded := a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		_, reader := w.(io.ReaderFrom)
		if flusher || hijacker || reader {
			t.Errorf("offers Flusher %v, Hijacker %v, ReaderFrom %v", flusher, hijacker, reader)
		}
	}))
	guarded.ServeHTTP(plainWriter{httptest.NewRecorder()}, r)
	a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		if !flusher || hijacker {
			t.Errorf("of a recorder, offers Flusher %v, Hijacker %v", flusher, hijacker)
		}
	})).ServeHTTP(httptest.NewRecorder(), r.Clone(r.Context()))
}
