package cognitotest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// Client returns an HTTP client that reaches the pool without a network: it
// answers for the URLs of UserPool and for those that AWS would give the pool,
// and fails for every other URL, so that nothing leaves the process. It honours
// the context of requests, uses no goroutines and no sockets, and so works
// inside testing/synctest.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: transport{s.pool}}
}

type transport struct{ pool *pool }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		b, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		r.Body.Close()
		if err != nil {
			return nil, err
		}
		body = b
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	path, ok := t.pool.serves(r.URL)
	if !ok {
		return nil, fmt.Errorf("cognitotest: %s is no host of user pool %s, and there is no network", r.URL.Host, t.pool.id)
	}
	answer, err := t.pool.answer(r.Context(), newRequest(r, path, body))
	if errors.Is(err, errDropped) {
		// What a real transport says when the peer is gone.
		err = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	if err != nil {
		return nil, err
	}
	header := make(http.Header)
	answer.setHeader(header)
	if r.Method == http.MethodHead {
		answer.body = nil
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status)),
		StatusCode:    answer.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(answer.body)),
		ContentLength: int64(len(answer.body)),
		Request:       r,
	}, nil
}

// serves reports whether u is one of the pool's URLs, and its path without
// that of the URL given to SetURL.
func (p *pool) serves(u *url.URL) (path string, ok bool) {
	p.mu.Lock()
	base := p.url
	p.mu.Unlock()
	if base != "" {
		if b, err := url.Parse(base); err == nil && u.Scheme == b.Scheme && u.Host == b.Host {
			return strings.CutPrefix(u.Path, b.Path)
		}
	}
	if u.Scheme == "https" && u.Host == p.domain {
		return u.Path, true
	}
	if p.servesAWS(u) {
		return u.Path, true
	}
	for _, issuer := range []string{p.awsIssuer, p.updatedIssuer()} {
		if strings.HasPrefix(issuer, u.Scheme+"://"+u.Host+"/") {
			return u.Path, true
		}
	}
	return "", false
}
