package awscall

import (
	"io"
	"net/http"
)

const maxAnswer = 1 << 20 // bytes

// HTTPClient is an HTTP client for the SDK. It cuts off long answers, which the SDK
// would read whole. It follows no redirect, which would carry a token elsewhere.
type HTTPClient struct{ client http.Client }

// NewHTTPClient returns an HTTPClient that sends requests like c.
func NewHTTPClient(c *http.Client) *HTTPClient {
	bounded := &HTTPClient{*c}
	bounded.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return bounded
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
