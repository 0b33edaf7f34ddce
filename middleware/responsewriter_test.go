package middleware_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
)

// These writers of middlewares before the guard have some methods of the server's.
type (
	flushHijacker struct{ http.ResponseWriter }
	hijackerOnly  struct{ http.ResponseWriter }
	unwrapOnly    struct{ http.ResponseWriter }
	flushFails    struct{ http.ResponseWriter }
)

var errFlush = errors.New("the client is gone")

func (w flushHijacker) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

func (w flushHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func (w hijackerOnly) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func (w unwrapOnly) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w flushFails) Flush() {}

func (w flushFails) FlushError() error { return errFlush }

// TestWriterOffersWhatOtherWritersDo: a handler must be able to hijack the connection
// whether or not the session has just been refreshed.
func TestWriterOffersWhatOtherWritersDo(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"Flush and Hijack": func(w http.ResponseWriter) http.ResponseWriter { return flushHijacker{w} },
		"Hijack":           func(w http.ResponseWriter) http.ResponseWriter { return hijackerOnly{w} },
		"Unwrap":           func(w http.ResponseWriter) http.ResponseWriter { return unwrapOnly{w} },
		"nothing":          func(w http.ResponseWriter) http.ResponseWriter { return plainWriter{w} },
		"a recorder's":     func(w http.ResponseWriter) http.ResponseWriter { return w },
	} {
		env := newEnv(t)
		outer := wrap(httptest.NewRecorder())
		env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
		})).ServeHTTP(outer, env.expiredRequest("ada", "/x"))
	}
}

// TestHijackBehindCompress: many programs mount this middleware.
func TestHijackBehindCompress(t *testing.T) {
	env := newEnv(t)
	router := chi.NewRouter()
	router.Use(chimiddleware.Compress(5), env.auth.Protect)
	router.Get("/x", func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); !ok {
			t.Error("a WebSocket cannot be opened")
		}
	})
	srv := httptest.NewServer(router)
	defer srv.Close()
	env.getExpired(srv.URL + "/x")
}

// TestFlushThroughAnUnwrappingWriter: http.ResponseController unwraps writers until it
// finds a Flush. It must not flush past the guard's writer.
func TestFlushThroughAnUnwrappingWriter(t *testing.T) {
	env := newEnv(t)
	w := httptest.NewRecorder()
	env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		allowCaching(w)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(unwrapOnly{w}, env.expiredRequest("ada", "/x"))
	if cc := w.Result().Header.Get("Cache-Control"); cc != "private, no-store" {
		t.Errorf("Cache-Control %q", cc)
	}
}

func TestResponseControllerReachesTheServer(t *testing.T) {
	env := newEnv(t)
	env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, errFlush) {
			t.Errorf("Flush: %v", err)
		}
	})).ServeHTTP(flushFails{httptest.NewRecorder()}, env.expiredRequest("ada", "/x"))
	env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Flush of a writer without: %v", err)
		}
	})).ServeHTTP(plainWriter{httptest.NewRecorder()}, env.expiredRequest("ada", "/x"))
	srv := httptest.NewServer(env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
	resp := env.getExpired(srv.URL + "/x")
	if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" || resp.Header["Set-Cookie"] == nil {
		t.Errorf("Cache-Control %q", cc)
	}
}

// TestHijackedConnection: a handler can hijack the connection.
func TestHijackedConnection(t *testing.T) {
	env := newEnv(t)
	srv := httptest.NewServer(env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
	resp := env.getExpired(srv.URL)
	if resp.StatusCode != 299 {
		t.Errorf("got %d", resp.StatusCode)
	}
}

// plainWriter has only the three methods of http.ResponseWriter.
type plainWriter struct{ http.ResponseWriter }

// TestWriterOffersWhatTheServersDoes: no more, because handlers use type assertions.
func TestWriterOffersWhatTheServersDoes(t *testing.T) {
	env := newEnv(t)
	r := pageRequest("/x")
	env.server.SignIn(r, "ada")
	env.clock.advance(2 * time.Hour)
	guarded := env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		_, reader := w.(io.ReaderFrom)
		if flusher || hijacker || reader {
			t.Errorf("offers Flusher %v, Hijacker %v, ReaderFrom %v", flusher, hijacker, reader)
		}
	}))
	guarded.ServeHTTP(plainWriter{httptest.NewRecorder()}, r)
	env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		if !flusher || hijacker {
			t.Errorf("of a recorder, offers Flusher %v, Hijacker %v", flusher, hijacker)
		}
	})).ServeHTTP(httptest.NewRecorder(), r.Clone(r.Context()))
}
