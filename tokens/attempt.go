package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	callLimit    = 5 * time.Second         // a call with all its attempts
	attemptLimit = 2500 * time.Millisecond // one attempt
	attemptPause = 100 * time.Millisecond  // and up to twice that, between two attempts
	maxReply     = 1 << 20                 // bytes of an answer
)

// call makes one call that carries a token, in at most two attempts.
func (c *Client) call(ctx context.Context, op, token string, do func(context.Context) error) error {
	start := c.opts.Now()
	limited, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	again, err := c.attempt(limited, op, token, do)
	if again {
		select {
		case <-time.After(attemptPause + rand.N(attemptPause)):
			_, err = c.attempt(limited, op, token, do)
		case <-limited.Done():
		}
	}
	if c.opts.Hooks.Called != nil {
		c.opts.Hooks.Called(ctx, op, c.opts.Now().Sub(start), err)
	}
	return err
}

// attempt makes one attempt and says what its error means. again is set if it
// certainly had no effect and may be repeated.
func (c *Client) attempt(ctx context.Context, op, token string, do func(context.Context) error) (again bool, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	ctx, sent := traceSent(ctx)
	err := do(ctx)
	if err == nil {
		return false, nil
	}
	status := 0
	if response := (*smithyhttp.ResponseError)(nil); errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	if reply := smithy.APIError(nil); errors.As(err, &reply) {
		e := &APIError{Op: op, Status: status, Code: reply.ErrorCode(), Message: c.redact(reply.ErrorMessage(), token)}
		if e.SignedOut() || e.Code == "RefreshTokenReuseException" {
			return false, fmt.Errorf("tokens: %w", e)
		}
		return e.hadNoEffect(), fmt.Errorf("%w: %w", ErrUnavailable, e)
	}
	if unreadable := (*smithy.DeserializationError)(nil); errors.As(err, &unreadable) {
		// Not the SDK's error, which quotes the answer and keeps a piece of it:
		// half an answer to a refresh has tokens in it.
		err = fmt.Errorf("unreadable answer with status %d", status)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return false, fmt.Errorf("%w: %s: %w", ErrUnavailable, op, err)
	}
	again = ctx.Err() == nil && !sent()
	return again, fmt.Errorf("%w: %s: %w", ErrUnavailable, op, err)
}

// redact takes what we have sent out of a message: Cognito's errors of validation
// quote what they do not like.
func (c *Client) redact(message, token string) string {
	for _, secret := range []string{token, c.pool.ClientSecret} {
		if secret != "" {
			message = strings.ReplaceAll(message, secret, "…")
		}
	}
	return message
}

// hadNoEffect reports whether Cognito itself says that it has done nothing: it is
// throttling, or has failed in a way that it knows of. The error page of whatever
// stands before it says nothing of the kind.
func (e *APIError) hadNoEffect() bool {
	const noCode = "UnknownError" // what the SDK calls an answer without a code
	return e.Throttled() || e.Status >= 500 && e.Code != noCode
}

// traceSent returns a context for requests, and a function that reports whether
// one may have been sent: not if the transport has looked for a connection and
// got none, because it was refused, or had no name, or failed its TLS handshake.
// Errors do not tell: a peer's alert looks the same before and after a request.
func traceSent(ctx context.Context) (context.Context, func() bool) {
	var asked, got atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	return ctx, func() bool { return got.Load() || !asked.Load() }
}

// boundedClient is an HTTP client for the SDK, which reads answers whole and
// follows redirects: those are bounded here, and these would carry a token to
// wherever they point.
type boundedClient struct{ http.Client }

func newBoundedClient(c *http.Client) *boundedClient {
	b := &boundedClient{*c}
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

func (c *boundedClient) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.Client.Do(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxReply), resp.Body}
	}
	return resp, err
}
