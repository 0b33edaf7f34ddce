package middleware

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/session"
)

// responseWriter keeps an answer that sets session cookies out of caches. A handler
// may allow caches to store its pages, but with these cookies a cache would hand one
// user's tokens to another. Other answers are not wrapped.
type responseWriter struct {
	http.ResponseWriter
	sessions    *session.Manager
	wroteHeader bool
}

// withOptionalInterfaces returns a writer that implements those of http.Flusher,
// http.Hijacker and io.ReaderFrom that the wrapped writer implements, because
// handlers find them by a type assertion.
func (w *responseWriter) withOptionalInterfaces() http.ResponseWriter {
	_, flushes := w.ResponseWriter.(http.Flusher)
	_, hijacks := w.ResponseWriter.(http.Hijacker)
	readerFrom, reads := w.ResponseWriter.(io.ReaderFrom)
	flusher, hijacker, reader := responseFlusher{w}, responseHijacker{w}, responseReaderFrom{w, readerFrom}
	switch {
	case flushes && hijacks && reads: // HTTP/1
		return struct {
			*responseWriter
			http.Flusher
			http.Hijacker
			io.ReaderFrom
		}{w, flusher, hijacker, reader}
	case flushes && hijacks: // HTTP/1 behind a middleware that compresses
		return struct {
			*responseWriter
			http.Flusher
			http.Hijacker
		}{w, flusher, hijacker}
	case flushes: // HTTP/2
		return struct {
			*responseWriter
			http.Flusher
		}{w, flusher}
	case hijacks:
		return struct {
			*responseWriter
			http.Hijacker
		}{w, hijacker}
	}
	return w
}

// setCacheControl runs before anything is sent. The handler may have removed the
// session's cookies from the header by then. A sign-out replaces them by deletions,
// which count as cookies of the session.
func (w *responseWriter) setCacheControl() {
	if w.wroteHeader {
		return
	}
	h := w.Header()
	if !w.sessions.SetsCookies(h) {
		return
	}
	if cc := h["Cache-Control"]; len(cc) == 1 && cc[0] == "no-store" { // a refusal
		cookie.Vary(h)
		return
	}
	cookie.PrivateNoStore(h)
}

func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sets Cache-Control on informational answers too: they carry the same
// header.
func (w *responseWriter) WriteHeader(status int) {
	w.setCacheControl()
	w.wroteHeader = w.wroteHeader || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.setCacheControl()
	w.wroteHeader = true
	return w.ResponseWriter.Write(b)
}

// FlushError is the method that http.ResponseController looks for first. Without it,
// the controller would unwrap this writer and flush a header without Cache-Control.
func (w *responseWriter) FlushError() error {
	w.setCacheControl()
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.wroteHeader = w.wroteHeader || !errors.Is(err, http.ErrNotSupported)
	return err
}

type responseFlusher struct{ w *responseWriter }

// Flush has no way to report an error; the next Write does.
func (f responseFlusher) Flush() { _ = f.w.FlushError() }

type responseHijacker struct{ w *responseWriter }

func (h responseHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.w.setCacheControl()
	return http.NewResponseController(h.w.ResponseWriter).Hijack()
}

type responseReaderFrom struct {
	w    *responseWriter
	from io.ReaderFrom
}

func (r responseReaderFrom) ReadFrom(src io.Reader) (int64, error) {
	r.w.setCacheControl()
	r.w.wroteHeader = true
	return r.from.ReadFrom(src)
}
