package identity

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/outage"
	"github.com/cognitogate/cognitogate/tokens"
)

// callLog logs when an operation of the identity pool begins to fail, and when it works
// again.
type callLog struct {
	now        func() time.Time
	field      string // says where the identity pool is
	operations outage.Operations
}

func newCallLog(o *Options) *callLog {
	l := &callLog{now: o.Now, field: "UserPool.IdentityPoolID"}
	if o.Endpoint != "" {
		l.field = "Options.Endpoint"
	}
	l.operations.Logger, l.operations.What = o.Logger, "identity: an operation of the identity pool"
	return l
}

// note notes how a call that began at start has ended. A refusal of one user's token is an
// answer.
func (l *callLog) note(ctx context.Context, op string, start time.Time, err error) {
	now, operation := l.now(), l.operations.Of(op)
	switch {
	case err == nil, isRefusal(err) && l.lookAt(err) == "":
		operation.Worked(ctx, start, now)
	case !outage.IsAbandoned(ctx, now.Sub(start)):
		operation.Failed(ctx, start, now, failureText(err), l.lookAt(err))
	}
}

// lookAt names the field that may be wrong, or is empty.
func (l *callLog) lookAt(err error) string {
	if field := refusedField(err); field != "" {
		return field
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return l.field + " is wrong, or the network's DNS does not know the host"
	}
	if api, ok := errors.AsType[*tokens.APIError](err); ok && outage.IsForeign(api.Code) {
		return l.field + " is wrong, or a proxy has answered"
	}
	if errors.Is(err, awscall.ErrUnreadable) {
		return "a proxy has answered, or " + l.field + " is wrong"
	}
	return ""
}

// refusedField names what is wrong if a refusal is everybody's. Otherwise it is empty.
func refusedField(err error) string {
	api, ok := errors.AsType[*tokens.APIError](err)
	switch {
	case !ok:
	case api.Op == opGetID && api.Code == "ResourceNotFoundException":
		return "UserPool.IdentityPoolID"
	case api.Code == "InvalidIdentityPoolConfigurationException":
		return "the identity pool's roles"
	}
	return ""
}

// failureText describes an error for the log.
func failureText(err error) string {
	if api, ok := errors.AsType[*tokens.APIError](err); ok {
		return outage.AnswerText(api.Op, api.Status, api.Code)
	}
	return outage.ErrorText(strings.TrimPrefix(err.Error(), "identity: "+tokens.ErrUnavailable.Error()+": "))
}
