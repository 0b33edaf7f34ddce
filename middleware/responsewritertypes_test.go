package middleware_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

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
