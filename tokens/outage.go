package tokens

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/outage"
)

// lookAt names the field of UserPool that may be wrong, if an error does not come from
// Cognito itself. field says where Cognito is looked for.
func lookAt(field string, err error) string {
	var api *APIError
	switch {
	case isUnknownHost(err):
		return field + " is wrong, or the network's DNS does not know the host"
	case errors.Is(err, errNoKeySet), errors.Is(err, errNoUserPool):
		return field + " is wrong, or a proxy has answered"
	case errors.As(err, &api) && outage.IsForeign(api.Code):
		return field + " is wrong, or a proxy has answered"
	case errors.Is(err, awscall.ErrUnreadable), errors.Is(err, errNotKeySet):
		return "a proxy has answered, or " + field + " is wrong"
	}
	return ""
}

// outageText describes an error for the log.
func outageText(err error) string {
	if api := (*APIError)(nil); errors.As(err, &api) {
		return outage.AnswerText(api.Op, api.Status, api.Code)
	}
	return outage.ErrorText(strings.TrimPrefix(err.Error(), ErrUnavailable.Error()+": "))
}

// isOutage reports whether a call's error says that Cognito cannot do the operation now. It
// says so by throttling, by an error of its own, by a trigger that is broken, and by no
// answer. A refusal of a token, a parameter or the app client is an answer.
func isOutage(err error) bool {
	if !errors.Is(err, ErrUnavailable) {
		return false
	}
	var api *APIError
	if !errors.As(err, &api) || outage.IsForeign(api.Code) || api.Throttled() || api.Status >= 500 {
		return true
	}
	switch api.Code {
	case "UnexpectedLambdaException", "InvalidLambdaResponseException", "server_error", "temporarily_unavailable":
		return true
	}
	return false
}

// keySetField returns the field that says where an issuer's key set is.
func keySetField(issuer string, userPool UserPool) string {
	switch {
	case slices.Contains(userPool.Issuers, issuer):
		return "UserPool.Issuers"
	case userPool.Issuer != "":
		return "UserPool.Issuer"
	}
	return "UserPool.ID"
}

// keySetOutage returns the log of an issuer's key set.
func keySetOutage(issuer string, logger *slog.Logger) *outage.Log {
	return &outage.Log{Logger: logger, What: "tokens: a key set", Name: slog.String("issuer", issuer)}
}

// noteOutage notes the result of a fetch for the log.
func (s *issuerKeys) noteOutage(ctx context.Context, start time.Time, err error) {
	if err == nil {
		s.outage.Worked(ctx, start, s.opts.Now())
		return
	}
	var more []slog.Attr
	if keys := s.current.Load(); keys != nil {
		more = append(more, slog.Time("usable_until", keys.fetchedAt.Add(keysUsableFor)))
	} else if s.isUnused(err) {
		return
	}
	s.outage.Failed(ctx, start, s.opts.Now(), outageText(err), lookAt(s.field, err), more...)
}

// isUnused reports whether the user pool seems not to use an issuer whose key set cannot be
// fetched. Any client can send a token that names the issuer, which is no outage.
func (s *issuerKeys) isUnused(err error) bool {
	return !s.first && (errors.Is(err, errNoKeySet) || s.set.anyFetched())
}

// operationField returns the field that says where an operation is.
func (c *Client) operationField(op string) string {
	switch {
	case op == opToken:
		return "UserPool.Domain"
	case c.userPool.Endpoint != "":
		return "UserPool.Endpoint"
	}
	return "UserPool.ID"
}

// report notes how a call ended, and tells the hook of it.
func (c *Client) report(ctx context.Context, op string, start time.Time, err error) {
	now := c.opts.Now()
	var api *APIError
	switch {
	case !isOutage(err):
		c.operations.Of(op).Worked(ctx, start, now)
	case c.userPool.Endpoint != "" && errors.As(err, &api) && api.unknownOperation(): // Refresh calls another one
	case !outage.IsAbandoned(ctx, now.Sub(start)):
		c.operations.Of(op).Failed(ctx, start, now, outageText(err), lookAt(c.operationField(op), err))
	}
	if c.opts.Hooks.Called != nil {
		c.opts.Hooks.Called(ctx, op, now.Sub(start), err)
	}
}
