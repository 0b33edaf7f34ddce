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

// Client returns an HTTP client that reaches the user pool without a network. It
// knows the URLs of UserPool and those that AWS would assign. It fails for every
// other URL, so that nothing leaves the process. It honours the context of
// requests. It uses no goroutines and no sockets, and so works inside
// testing/synctest.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: transport{s.userPool}}
}

type transport struct{ userPool *userPool }

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
	path, ok := t.userPool.serves(r.URL)
	if !ok {
		// As a real transport reports it.
		unknown := &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}
		return nil, fmt.Errorf("cognitotest: %s is no host of user pool %s, and there is no network: %w", r.URL.Host, t.userPool.id, unknown)
	}
	resp, err := t.userPool.respond(r.Context(), newRequest(r, path, body))
	if errors.Is(err, errDropped) {
		// As a real transport reports it.
		err = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	if err != nil {
		return nil, err
	}
	header := make(http.Header)
	resp.setHeader(header)
	if r.Method == http.MethodHead {
		resp.body = nil
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", resp.status, http.StatusText(resp.status)),
		StatusCode:    resp.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(resp.body)),
		ContentLength: int64(len(resp.body)),
		Request:       r,
	}, nil
}

// serves reports whether u is one of the user pool's URLs. path is relative to the
// URL given to SetURL.
func (p *userPool) serves(u *url.URL) (path string, ok bool) {
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
