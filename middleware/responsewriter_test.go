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

// plainWriter has only the three methods of http.ResponseWriter.
type plainWriter struct{ http.ResponseWriter }

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
	tokensInCookies(t)
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
	for protocol, server := range protocolServers(t, env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		for name, err := range map[string]error{
			"SetReadDeadline": c.SetReadDeadline(time.Time{}), "SetWriteDeadline": c.SetWriteDeadline(time.Time{}),
			"EnableFullDuplex": c.EnableFullDuplex(), "Flush": c.Flush(),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}))) {
		for _, refreshed := range []bool{true, false} {
			resp := env.getFrom(protocol, server, "/x", refreshed)
			if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" || (refreshed && !isHandleRun()) != (resp.Header["Set-Cookie"] != nil) {
				t.Errorf("%s: Cache-Control %q", protocol, cc)
			}
		}
	}
}

// TestHijackedConnection: a handler can hijack the connection.
func TestHijackedConnection(t *testing.T) {
	tokensInCookies(t)
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

// TestNestedGuardsShareAWriter, also around a middleware's writer that unwraps.
func TestNestedGuardsShareAWriter(t *testing.T) {
	env := newEnv(t)
	for name, request := range map[string]func(user, target string) *http.Request{
		"valid": env.signedInRequest, "refreshed": env.expiredRequest,
	} {
		var between http.ResponseWriter
		inner := env.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if w != between {
				t.Errorf("%s: wrapped twice", name)
			}
			clear(w.Header())
		}))
		w := httptest.NewRecorder()
		env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			between = unwrapOnly{w}
			inner.ServeHTTP(between, r)
		})).ServeHTTP(w, request("ada", "/x"))
		cc := w.Header().Get("Cache-Control")
		if set, _ := changedCookies(w.Result()); len(set) > 0 != (name == "refreshed" && !isHandleRun()) || cc != "private, no-store" {
			t.Errorf("%s: cookies %v, Cache-Control %q", name, set, cc)
		}
	}
}
