package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Handlers find the optional methods of a response writer by type assertions. So for each
// set of methods that a writer may have, there is a type with exactly these: Flush (F),
// Hijack (H), ReadFrom (R), Push (P) and CloseNotify (C), in this order. Each type adds one
// method to another one. An answer needs one allocation.
type (
	writerF     struct{ responseWriter }
	writerH     struct{ responseWriter }
	writerFH    struct{ writerF }
	writerR     struct{ responseWriter }
	writerFR    struct{ writerF }
	writerHR    struct{ writerH }
	writerFHR   struct{ writerFH }
	writerP     struct{ responseWriter }
	writerFP    struct{ writerF }
	writerHP    struct{ writerH }
	writerFHP   struct{ writerFH }
	writerRP    struct{ writerR }
	writerFRP   struct{ writerFR }
	writerHRP   struct{ writerHR }
	writerFHRP  struct{ writerFHR }
	writerC     struct{ responseWriter }
	writerFC    struct{ writerF }
	writerHC    struct{ writerH }
	writerFHC   struct{ writerFH }
	writerRC    struct{ writerR }
	writerFRC   struct{ writerFR }
	writerHRC   struct{ writerHR }
	writerFHRC  struct{ writerFHR }
	writerPC    struct{ writerP }
	writerFPC   struct{ writerFP }
	writerHPC   struct{ writerHP }
	writerFHPC  struct{ writerFHP }
	writerRPC   struct{ writerRP }
	writerFRPC  struct{ writerFRP }
	writerHRPC  struct{ writerHRP }
	writerFHRPC struct{ writerFHRP }
)

func (w *writerF) Flush() { _ = w.FlushError() }

func (w *writerH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w *writerFH) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

func (w *writerR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

func (w *writerFR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

func (w *writerHR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

func (w *writerFHR) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

func (w *writerP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerFP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerHP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerFHP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerRP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerFRP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerHRP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerFHRP) Push(target string, opts *http.PushOptions) error { return w.push(target, opts) }

func (w *writerC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerHC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFHC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerRC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFRC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerHRC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFHRC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerPC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFPC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerHPC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFHPC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerRPC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFRPC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerHRPC) CloseNotify() <-chan bool { return w.closeNotify() }

func (w *writerFHRPC) CloseNotify() <-chan bool { return w.closeNotify() }

// newWriters make the types. An index has a bit for each method.
var newWriters = [...]func() (http.ResponseWriter, *responseWriter){
	0:                                  newWriter[responseWriter],
	canFlush:                           newWriter[writerF],
	canHijack:                          newWriter[writerH],
	canFlush | canHijack:               newWriter[writerFH],
	canReadFrom:                        newWriter[writerR],
	canFlush | canReadFrom:             newWriter[writerFR],
	canHijack | canReadFrom:            newWriter[writerHR],
	canFlush | canHijack | canReadFrom: newWriter[writerFHR],
	canPush:                            newWriter[writerP],
	canFlush | canPush:                 newWriter[writerFP],
	canHijack | canPush:                newWriter[writerHP],
	canFlush | canHijack | canPush:     newWriter[writerFHP],
	canReadFrom | canPush:              newWriter[writerRP],
	canFlush | canReadFrom | canPush:   newWriter[writerFRP],
	canHijack | canReadFrom | canPush:  newWriter[writerHRP],
	canFlush | canHijack | canReadFrom | canPush: newWriter[writerFHRP],
	canCloseNotify:                                                newWriter[writerC],
	canFlush | canCloseNotify:                                     newWriter[writerFC],
	canHijack | canCloseNotify:                                    newWriter[writerHC],
	canFlush | canHijack | canCloseNotify:                         newWriter[writerFHC],
	canReadFrom | canCloseNotify:                                  newWriter[writerRC],
	canFlush | canReadFrom | canCloseNotify:                       newWriter[writerFRC],
	canHijack | canReadFrom | canCloseNotify:                      newWriter[writerHRC],
	canFlush | canHijack | canReadFrom | canCloseNotify:           newWriter[writerFHRC],
	canPush | canCloseNotify:                                      newWriter[writerPC],
	canFlush | canPush | canCloseNotify:                           newWriter[writerFPC],
	canHijack | canPush | canCloseNotify:                          newWriter[writerHPC],
	canFlush | canHijack | canPush | canCloseNotify:               newWriter[writerFHPC],
	canReadFrom | canPush | canCloseNotify:                        newWriter[writerRPC],
	canFlush | canReadFrom | canPush | canCloseNotify:             newWriter[writerFRPC],
	canHijack | canReadFrom | canPush | canCloseNotify:            newWriter[writerHRPC],
	canFlush | canHijack | canReadFrom | canPush | canCloseNotify: newWriter[writerFHRPC],
}

const (
	canFlush = 1 << iota
	canHijack
	canReadFrom
	canPush
	canCloseNotify
)

// methodsOf returns the index of the type with the optional methods of a writer.
func methodsOf(w http.ResponseWriter) (methods int) {
	if _, ok := w.(http.Flusher); ok {
		methods |= canFlush
	}
	if _, ok := w.(http.Hijacker); ok {
		methods |= canHijack
	}
	if _, ok := w.(io.ReaderFrom); ok {
		methods |= canReadFrom
	}
	if _, ok := w.(http.Pusher); ok {
		methods |= canPush
	}
	if _, ok := w.(closeNotifier); ok {
		methods |= canCloseNotify
	}
	return methods
}

// closeNotifier is http.CloseNotifier, which is deprecated and still in use.
type closeNotifier interface{ CloseNotify() <-chan bool }

// newWriter returns a new writer of one of the types, and what the types have in common.
func newWriter[T any, P interface {
	*T
	http.ResponseWriter
	base() *responseWriter
}]() (http.ResponseWriter, *responseWriter) {
	w := P(new(T))
	return w, w.base()
}
