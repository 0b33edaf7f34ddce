package middleware

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// privateWriter keeps an answer that carries our Set-Cookie out of caches: a
// handler's Cache-Control may open a page to them, but then a cache would hand one
// user's tokens to another. Only such answers are wrapped.
type privateWriter struct {
	http.ResponseWriter
	auth  *Auth
	begun bool
}

// as returns the writer with those of Flusher, Hijacker and ReaderFrom that the
// wrapped one has, because handlers ask for them by type.
func (p *privateWriter) as() http.ResponseWriter {
	_, flushes := p.ResponseWriter.(http.Flusher)
	_, hijacks := p.ResponseWriter.(http.Hijacker)
	from, reads := p.ResponseWriter.(io.ReaderFrom)
	flusher, hijacker, reader := privateFlusher{p}, privateHijacker{p}, privateReader{p, from}
	switch {
	case flushes && hijacks && reads: // HTTP/1
		return struct {
			*privateWriter
			http.Flusher
			http.Hijacker
			io.ReaderFrom
		}{p, flusher, hijacker, reader}
	case flushes && hijacks: // HTTP/1 behind a middleware that compresses
		return struct {
			*privateWriter
			http.Flusher
			http.Hijacker
		}{p, flusher, hijacker}
	case flushes: // HTTP/2
		return struct {
			*privateWriter
			http.Flusher
		}{p, flusher}
	case hijacks:
		return struct {
			*privateWriter
			http.Hijacker
		}{p, hijacker}
	}
	return p
}

// enforce is called before anything is sent. The header may have lost our cookies
// by now, as after a sign-out that replaced them by deletions, which are ours too.
func (p *privateWriter) enforce() {
	if p.begun {
		return
	}
	h := p.Header()
	if !p.auth.ours(h["Set-Cookie"]) {
		return
	}
	if cc := h["Cache-Control"]; len(cc) != 1 || cc[0] != "no-store" { // a refusal's
		h.Set("Cache-Control", "private, no-store")
	}
	cookie.Vary(h)
}

func (p *privateWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader enforces for informational answers too, which carry the header.
func (p *privateWriter) WriteHeader(status int) {
	p.enforce()
	p.begun = p.begun || status >= 200 || status == http.StatusSwitchingProtocols
	p.ResponseWriter.WriteHeader(status)
}

func (p *privateWriter) Write(b []byte) (int, error) {
	p.enforce()
	p.begun = true
	return p.ResponseWriter.Write(b)
}

// FlushError is what http.ResponseController looks for first. Without it, that would
// find the Flush of a writer further down, and pass enforce by.
func (p *privateWriter) FlushError() error {
	p.enforce()
	err := http.NewResponseController(p.ResponseWriter).Flush()
	p.begun = p.begun || !errors.Is(err, http.ErrNotSupported)
	return err
}

type privateFlusher struct{ p *privateWriter }

// Flush has no way to tell what went wrong; the next Write does.
func (f privateFlusher) Flush() { _ = f.p.FlushError() }

type privateHijacker struct{ p *privateWriter }

func (h privateHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.p.enforce()
	return http.NewResponseController(h.p.ResponseWriter).Hijack()
}

type privateReader struct {
	p    *privateWriter
	from io.ReaderFrom
}

func (r privateReader) ReadFrom(src io.Reader) (int64, error) {
	r.p.enforce()
	r.p.begun = true
	return r.from.ReadFrom(src)
}
