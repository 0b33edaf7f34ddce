// Package awscall makes calls with clients of the AWS SDK that take bounded time and
// memory. Its failures contain nothing of what was sent, and no part of an answer
// but the service's own error.
package awscall

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cognitogate/cognitogate/internal/redact"
)

// Timeout bounds a call with all its attempts.
const Timeout = 5 * time.Second

const (
	attemptTimeout = 2500 * time.Millisecond
	attemptPause   = 100 * time.Millisecond // between two attempts; random up to twice that
)

// NoCode is the Code of an error answer without one, such as a proxy's error page.
const NoCode = "UnknownError"

// ErrUnreadable reports an answer that is none of the service's, such as the page of a proxy.
var ErrUnreadable = errors.New("unreadable answer")

// Call is a call of one operation.
type Call struct {
	// Op is the operation's name.
	Op string

	// Secrets are the credentials that the call sends. Error messages of Cognito
	// quote parameters that fail validation, and a transport's error may quote a
	// request. So no text of a Failure contains one of them.
	Secrets []string

	// Repeat reports whether a second attempt may follow this failed one.
	Repeat func(*Failure) bool
}

// Failure says how a call failed.
type Failure struct {
	Op     string
	Status int // of the HTTP answer; 0 without one

	// Code and Message are the error that the service answered.
	Code, Message string

	// Err is set instead of Code and Message if no error answer could be read.
	Err error

	// Unsent is set if the attempt got no connection, for another reason than
	// running out of time. The call certainly had no effect.
	Unsent bool
}

// withoutRepeat is the key of a context's value.
type withoutRepeat struct{}

// WithoutRepeat returns a context whose calls are not repeated, whatever Repeat says.
func WithoutRepeat(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutRepeat{}, true)
}

// Do runs do, which makes the call with a client of the SDK, in at most two attempts.
// The client must not repeat requests itself. Do returns nil after a success.
func (c Call) Do(ctx context.Context, do func(context.Context) error) *Failure {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	failure := c.attempt(ctx, do)
	if failure == nil || ctx.Err() != nil || ctx.Value(withoutRepeat{}) != nil || !c.Repeat(failure) {
		return failure
	}
	select {
	case <-time.After(attemptPause + rand.N(attemptPause)):
		return c.attempt(ctx, do)
	case <-ctx.Done():
		return failure
	}
}

func (c Call) attempt(ctx context.Context, do func(context.Context) error) *Failure {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	ctx, maybeSent := traceSent(ctx)
	err := do(ctx)
	if err == nil {
		return nil
	}
	failure := &Failure{Op: c.Op}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		failure.Status = response.HTTPStatusCode()
	}
	var answer smithy.APIError
	var unreadable *smithy.DeserializationError
	switch {
	case errors.As(err, &answer):
		failure.Code = redact.Text(errorCode(answer, response), c.Secrets...)
		failure.Message = redact.Text(answer.ErrorMessage(), c.Secrets...)
	case errors.As(err, &unreadable):
		// The SDK's error quotes the answer and keeps a part of it. That part may
		// hold tokens or credentials.
		failure.Err = ctx.Err()
		if failure.Err == nil {
			failure.Err = fmt.Errorf("%w with status %d", ErrUnreadable, failure.Status)
		}
	default:
		failure.Err = redact.Error(err, c.Secrets...)
		failure.Unsent = ctx.Err() == nil && !maybeSent()
	}
	return failure
}

// errorCode returns the code of an error answer. A proxy may join two headers with the
// code to a list, which the SDK takes for one code. As in Amplify, the first one counts.
func errorCode(answer smithy.APIError, response *smithyhttp.ResponseError) string {
	if response != nil && response.Response != nil && response.Response.Response != nil {
		if header := response.HTTPResponse().Header.Get("X-Amzn-Errortype"); strings.Contains(header, ",") {
			return firstCode(header)
		}
	}
	return firstCode(answer.ErrorCode())
}

// firstCode returns the first code of a list. A code may have a namespace in front, which
// ends with "#", and a URL behind, which begins with ":".
func firstCode(list string) string {
	code := list
	if i := strings.IndexAny(list, ",:"); i >= 0 {
		code = list[:i]
	}
	return strings.TrimSpace(code[strings.LastIndexByte(code, '#')+1:])
}

// traceSent returns a context for requests, and a function that reports whether one
// of them may have been sent. None was sent if the transport asked for a connection
// and got none: the peer refused it, the name is unknown, or the TLS handshake
// failed. The error cannot tell: a TLS alert of the peer looks the same before and
// after a request.
func traceSent(ctx context.Context) (context.Context, func() bool) {
	var asked, got atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	return ctx, func() bool { return got.Load() || !asked.Load() }
}
