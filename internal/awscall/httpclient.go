package awscall

import (
	"io"
	"net/http"
)

const maxAnswer = 1 << 20 // bytes

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
