package cognitotest

import (
	"cmp"
	"context"
	"net/http"
	"time"
)

// Fault is how a request fails; see [Server.SetFault]. The zero Fault is none.
type Fault struct {
	// Status and Code make the answer an error in Cognito's JSON shape. Status
	// is by default what Cognito sends with Code: mostly 400. Code is by default
	// TooManyRequestsException for 429, ForbiddenException for 403,
	// InternalErrorException from 500 and InvalidParameterException for others.
	//
	// The managed login's endpoints say it in the shape of OAuth, with codes
	// such as "invalid_grant" and "server_error", and its pages with a page; but
	// a Code without a Status is sent to the app, to its callback URL.
	Status int
	Code   string // "TooManyRequestsException", "NotAuthorizedException", …

	// Message is the error's message. Codes can mean several things that only
	// their message tells apart.
	Message string

	// Body is sent as it is instead, as text/html, such as a proxy's error page
	// or half a JSON document. Status is then 503 by default.
	Body string

	// Delay is waited before the operation takes effect, or, with After,
	// between its effect and the answer. If the request is cancelled meanwhile,
	// the wait is over and nothing more happens: with a Delay of hours the
	// endpoint hangs.
	Delay time.Duration

	// After lets the operation take effect before the request fails: the answer
	// is lost, and with it a rotated refresh token.
	After bool

	// Drop closes the connection without an answer.
	Drop bool
}

// SetFault makes requests fail: f is called for each request with its
// operation, named as for [Server.Calls], and says how; nil ends it. f is
// called by several goroutines at a time, and may use s.
func (s *Server) SetFault(f func(op string) Fault) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.fault = f
}

// arrive counts a request for op and decides its fault.
func (p *pool) arrive(op string) Fault {
	p.mu.Lock()
	p.calls[op]++
	fault := p.fault
	p.mu.Unlock()
	if fault == nil {
		return Fault{}
	}
	return fault(op)
}

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

// reply is the answer that the fault puts in the place of the true one, or nil
// if it leaves that alone.
func (f Fault) reply() *reply {
	switch {
	case f.Body != "":
		return &reply{status: cmp.Or(f.Status, http.StatusServiceUnavailable), contentType: "text/html", body: []byte(f.Body)}
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
	r := refuse(code, "%s", cmp.Or(f.Message, "A fault of the test")).reply()
	r.status = cmp.Or(f.Status, r.status)
	return r
}
