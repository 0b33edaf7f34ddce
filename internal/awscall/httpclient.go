package awscall

import (
	"io"
	"net/http"
	"sync"
)

const (
	maxAnswer          = 1 << 20 // bytes
	maxIdleConnections = 64      // to one host
)

// DefaultClient returns the client for programs that give none. It is like
// http.DefaultClient when it is first called, and keeps 64 idle connections to a host.
// http.DefaultTransport keeps two, so that a burst of refreshes would do a TLS handshake
// for each. A program that has replaced http.DefaultTransport, to trace calls for
// instance, gets http.DefaultClient.
var DefaultClient = sync.OnceValue(func() *http.Client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok || http.DefaultClient.Transport != nil {
		return http.DefaultClient
	}
	client := *http.DefaultClient
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost = max(transport.MaxIdleConnsPerHost, maxIdleConnections)
	client.Transport = transport
	return &client
})

// HTTPClient is an HTTP client for the SDK. It cuts off long answers, which the SDK
// would read whole. It follows no redirect.
type HTTPClient struct{ client http.Client }

// NewHTTPClient returns an HTTPClient that sends requests like c.
func NewHTTPClient(c *http.Client) *HTTPClient {
	return &HTTPClient{*WithoutRedirects(c)}
}

// WithoutRedirects returns a client that sends requests like c and follows no redirect.
// The services send none. Following one would carry a token, a code or a client secret
// elsewhere, or fetch keys from another origin, perhaps by plain HTTP.
func WithoutRedirects(c *http.Client) *http.Client {
	direct := *c
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &direct
}

// Do sends a request.
func (c *HTTPClient) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.client.Do(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}
