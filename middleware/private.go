package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
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
	flusher, flushes := p.ResponseWriter.(http.Flusher)
	hijacker, hijacks := p.ResponseWriter.(http.Hijacker)
	reader, reads := p.ResponseWriter.(io.ReaderFrom)
	switch {
	case flushes && hijacks && reads: // HTTP/1
		return &privateHTTP1{privateFlusher{p, flusher}, hijacker, reader}
	case flushes: // HTTP/2
		return &privateFlusher{p, flusher}
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
	h.Set("Cache-Control", "private, no-store")
	varyOnCookie(h)
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

type privateFlusher struct {
	*privateWriter
	flusher http.Flusher
}

func (p *privateFlusher) Flush() {
	p.enforce()
	p.begun = true
	p.flusher.Flush()
}

type privateHTTP1 struct {
	privateFlusher
	hijacker http.Hijacker
	reader   io.ReaderFrom
}

func (p *privateHTTP1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	p.enforce()
	return p.hijacker.Hijack()
}

func (p *privateHTTP1) ReadFrom(src io.Reader) (int64, error) {
	p.enforce()
	p.begun = true
	return p.reader.ReadFrom(src)
}
