package cognitotest

import (
	"cmp"
	"context"
	"net/http"
	"time"
)

// Fault is how a request fails; see [Server.SetFault]. With the zero Fault it
// succeeds.
type Fault struct {
	// Status and Code make the response an error in Cognito's JSON format. The
	// default Status is what Cognito sends with Code: mostly 400. The default
	// Code is TooManyRequestsException for 429, ForbiddenException for 403,
	// InternalErrorException from 500, and InvalidParameterException for others.
	//
	// The managed login's endpoints send the error in OAuth's format, with codes
	// such as "invalid_grant" and "server_error". Its pages show an error page. If
	// a Code has no Status, they send the error to the app's callback URL instead.
	Status int
	Code   string // "TooManyRequestsException", "NotAuthorizedException", …

	// Message is the error's message. Some codes have several meanings that only
	// the message tells apart.
	Message string

	// Body is sent unchanged instead, as text/html: a proxy's error page, or half a
	// JSON document. The default Status is then 503.
	Body string

	// Delay is the time before the operation takes effect or, with After, between
	// its effect and the response. A cancelled request stops waiting, and nothing
	// more happens. With a Delay of hours the endpoint hangs.
	Delay time.Duration

	// After lets the operation take effect before the request fails. The response
	// is lost, and with it a rotated refresh token.
	After bool

	// Drop closes the connection without a response.
	Drop bool
}

// SetFault makes requests fail. f is called for each request with its operation,
// named as for [Server.Calls], and returns the request's Fault. A nil f ends all
// faults. Several goroutines call f at a time, and f may use s.
func (s *Server) SetFault(f func(op string) Fault) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.fault = f
}

// countCall counts a request for op and returns its fault.
func (p *userPool) countCall(op string) Fault {
	p.mu.Lock()
	p.calls[op]++
	fault := p.fault
	p.mu.Unlock()
	if fault == nil {
		return Fault{}
	}
	return fault(op)
}

// wait waits for Delay. Its error is that of ctx.
func (f Fault) wait(ctx context.Context) error {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// response is the response that the fault sends instead of the operation's, or nil
// if it sends none.
func (f Fault) response() *response {
	switch {
	case f.Body != "":
		return &response{status: cmp.Or(f.Status, http.StatusServiceUnavailable), contentType: "text/html", body: []byte(f.Body)}
	case f.Status == 0 && f.Code == "":
		return nil
	}
	code := f.Code
	if code == "" {
		switch {
		case f.Status == http.StatusTooManyRequests:
			code = "TooManyRequestsException"
		case f.Status == http.StatusForbidden:
			code = "ForbiddenException"
		case f.Status >= 500:
			code = "InternalErrorException"
		default:
			code = "InvalidParameterException"
		}
	}
	r := apiErrorf(code, "%s", cmp.Or(f.Message, "A fault of the test")).response()
	r.status = cmp.Or(f.Status, r.status)
	return r
}
