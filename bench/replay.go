//go:build unix

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// replay is the transport of a client of Cognito. It answers a request that has come
// before as it was answered then, so that measurements do not count the signatures of
// new tokens.
type replay struct {
	server *cognitotest.Server

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func newReplay(server *cognitotest.Server) *replay {
	return &replay{server: server, answers: make(map[string]answer)}
}

// RoundTrip implements http.RoundTripper.
func (p *replay) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	key := r.URL.Path + r.Header.Get("X-Amz-Target") + string(body)
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("code") {
		key = form.Get("code") // whatever else is sent with it
	}
	p.mu.Lock()
	a, ok := p.answers[key]
	p.mu.Unlock()
	if !ok {
		asked := r.Clone(r.Context())
		asked.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := p.server.Client().Transport.RoundTrip(asked)
		if err != nil {
			return nil, err
		}
		a = answer{status: resp.StatusCode, header: resp.Header}
		if a.body, err = io.ReadAll(resp.Body); err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.answers[key] = a
		p.mu.Unlock()
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, ContentLength: int64(len(a.body)),
		Body: io.NopCloser(bytes.NewReader(a.body)), Request: r,
	}, nil
}

// serve answers as RoundTrip does, for an HTTP server whose URL is base.
func (p *replay) serve(w http.ResponseWriter, r *http.Request, base string) {
	asked, err := http.NewRequestWithContext(r.Context(), r.Method, base+r.URL.Path, r.Body)
	check(err)
	asked.Header = r.Header
	resp, err := p.RoundTrip(asked)
	check(err)
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, resp.Body)
	check(err)
}
