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
			if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" || refreshed != (resp.Header["Set-Cookie"] != nil) {
				t.Errorf("%s: Cache-Control %q", protocol, cc)
			}
		}
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

// optionalMethods are those that handlers look for by type assertions.
type optionalMethods struct{ flush, hijack, readFrom, push, closeNotify bool }

func methodsOf(w http.ResponseWriter) (m optionalMethods) {
	_, m.flush = w.(http.Flusher)
	_, m.hijack = w.(http.Hijacker)
	_, m.readFrom = w.(io.ReaderFrom)
	_, m.push = w.(http.Pusher)
	_, m.closeNotify = w.(interface{ CloseNotify() <-chan bool })
	return m
}

// The methods of writers in front of the guard note that they were called.
type (
	called       []string
	flushes      struct{ *called }
	hijacks      struct{ *called }
	readsFrom    struct{ *called }
	pushes       struct{ *called }
	closeNotices struct{ *called }
)

func (c *called) note(method string) { *c = append(*c, method) }

func (f flushes) Flush() { f.note("Flush") }

func (h hijacks) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.note("Hijack")
	return nil, nil, nil
}

func (r readsFrom) ReadFrom(io.Reader) (int64, error) {
	r.note("ReadFrom")
	return 0, nil
}

func (p pushes) Push(string, *http.PushOptions) error {
	p.note("Push")
	return nil
}

func (n closeNotices) CloseNotify() <-chan bool {
	n.note("CloseNotify")
	return nil
}

// TestWriterHasExactlyTheMethodsOfTheOuterOne: no more, because handlers use type
// assertions, and on every answer the same.
func TestWriterHasExactlyTheMethodsOfTheOuterOne(t *testing.T) {
	env := newEnv(t)
	calls := new(called)
	f, h, r, p, c := flushes{calls}, hijacks{calls}, readsFrom{calls}, pushes{calls}, closeNotices{calls}
	refreshed, valid := env.expiredRequest("ada", "/x"), env.signedInRequest("ada", "/x")
	sets := 0
	seen := make(map[optionalMethods]bool)
	for _, wrap := range []func(http.ResponseWriter) http.ResponseWriter{
		func(w http.ResponseWriter) http.ResponseWriter { return struct{ plainWriter }{plainWriter{w}} },
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
			}{plainWriter{w}, f}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
			}{plainWriter{w}, h}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
			}{plainWriter{w}, f, h}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				readsFrom
			}{plainWriter{w}, r}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				readsFrom
			}{plainWriter{w}, f, r}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
				readsFrom
			}{plainWriter{w}, h, r}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
				readsFrom
			}{plainWriter{w}, f, h, r}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				pushes
			}{plainWriter{w}, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				pushes
			}{plainWriter{w}, f, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
				pushes
			}{plainWriter{w}, h, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
				pushes
			}{plainWriter{w}, f, h, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				readsFrom
				pushes
			}{plainWriter{w}, r, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				readsFrom
				pushes
			}{plainWriter{w}, f, r, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
				readsFrom
				pushes
			}{plainWriter{w}, h, r, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
				readsFrom
				pushes
			}{plainWriter{w}, f, h, r, p}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				closeNotices
			}{plainWriter{w}, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				closeNotices
			}{plainWriter{w}, f, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
				closeNotices
			}{plainWriter{w}, h, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
				closeNotices
			}{plainWriter{w}, f, h, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				readsFrom
				closeNotices
			}{plainWriter{w}, r, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				readsFrom
				closeNotices
			}{plainWriter{w}, f, r, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
				readsFrom
				closeNotices
			}{plainWriter{w}, h, r, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
				readsFrom
				closeNotices
			}{plainWriter{w}, f, h, r, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				pushes
				closeNotices
			}{plainWriter{w}, p, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				pushes
				closeNotices
			}{plainWriter{w}, f, p, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
				pushes
				closeNotices
			}{plainWriter{w}, h, p, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
				pushes
				closeNotices
			}{plainWriter{w}, f, h, p, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				readsFrom
				pushes
				closeNotices
			}{plainWriter{w}, r, p, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				readsFrom
				pushes
				closeNotices
			}{plainWriter{w}, f, r, p, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				hijacks
				readsFrom
				pushes
				closeNotices
			}{plainWriter{w}, h, r, p, c}
		},
		func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				plainWriter
				flushes
				hijacks
				readsFrom
				pushes
				closeNotices
			}{plainWriter{w}, f, h, r, p, c}
		},
	} {
		sets++
		for name, answer := range map[string]struct {
			request *http.Request
			guard   func(http.Handler) http.Handler
		}{
			"refreshed": {refreshed, env.auth.Require}, "valid": {valid, env.auth.Protect}, "anonymous": {pageRequest("/x"), env.auth.Load},
		} {
			outer := wrap(httptest.NewRecorder())
			want := methodsOf(outer)
			seen[want] = true
			answer.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if got := methodsOf(w); got != want || w == outer {
					t.Errorf("%s: %+v, want %+v", name, got, want)
				}
				*calls = nil
				if w, ok := w.(http.Hijacker); ok {
					w.Hijack()
				}
				if w, ok := w.(http.Pusher); ok {
					w.Push("/", nil)
				}
				if w, ok := w.(interface{ CloseNotify() <-chan bool }); ok {
					w.CloseNotify()
				}
				if w, ok := w.(http.Flusher); ok {
					w.Flush()
				}
				if w, ok := w.(io.ReaderFrom); ok {
					w.ReadFrom(nil)
				}
				if n := want.count(); len(*calls) != n {
					t.Errorf("%s: %+v: calls %v", name, want, *calls)
				}
			})).ServeHTTP(outer, answer.request)
		}
	}
	if len(seen) != 32 || sets != 32 {
		t.Errorf("%d sets of methods", len(seen))
	}
}

func (m optionalMethods) count() (n int) {
	for _, has := range []bool{m.flush, m.hijack, m.readFrom, m.push, m.closeNotify} {
		if has {
			n++
		}
	}
	return n
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
		if set, _ := changedCookies(w.Result()); len(set) > 0 != (name == "refreshed") || cc != "private, no-store" {
			t.Errorf("%s: cookies %v, Cache-Control %q", name, set, cc)
		}
	}
}
