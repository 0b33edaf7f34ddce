package tokens

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/cognitogate/cognitogate/internal/awscall"
)

const (
	// outagePause is the least time between two outages in the log. An operation that
	// fails now and then would otherwise log as much as it is called.
	outagePause = time.Minute

	// abandonedAfter is how long a call runs before its failure says something about
	// Cognito even if its caller had no more time.
	abandonedAfter = time.Second

	maxErrorText = 300 // of an error in the log
)

// outage notes whether a key set can be fetched, or an operation called. It logs the
// changes: a warning when that begins to fail, and the duration when it works again.
type outage struct {
	logger *slog.Logger
	what   string    // "a key set", for the message
	name   slog.Attr // which one
	field  string    // of UserPool, which says where it is

	mu       sync.Mutex
	since    time.Time // when the first failure began; zero while it works
	failures int       // since then
	logged   bool      // the outage is in the log
	loggedAt time.Time // the last warning
	unlogged int       // outages since then that are not in the log
}

// failed notes that what began at start has failed now.
func (o *outage) failed(ctx context.Context, start, now time.Time, err error, more ...slog.Attr) {
	line := o.noteFailure(start, now)
	if line == nil {
		return
	}
	line = append(line, slog.String("error", outageText(err)))
	if hint := o.lookAt(err); hint != "" {
		line = append(line, slog.String("look_at", hint))
	}
	o.logger.LogAttrs(ctx, slog.LevelWarn, "tokens: "+o.what+" begins to fail", append(line, more...)...)
}

// noteFailure returns the attributes of a line for the log, or nil.
func (o *outage) noteFailure(start, now time.Time) []slog.Attr {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since, o.failures, o.logged = start, 0, false
		o.unlogged++
	}
	o.failures++
	if age := now.Sub(o.loggedAt); o.logged || !o.loggedAt.IsZero() && age >= 0 && age < outagePause {
		return nil
	}
	line := []slog.Attr{o.name, slog.Time("since", o.since), slog.Int("failures", o.failures), slog.Int("unlogged", o.unlogged-1)}
	o.logged, o.loggedAt, o.unlogged = true, now, 0
	return line
}

// worked notes that what began at start has worked. If it began before the outage, it does
// not tell that the outage is over.
func (o *outage) worked(ctx context.Context, start, now time.Time) {
	if line := o.noteSuccess(start, now); line != nil {
		o.logger.LogAttrs(ctx, slog.LevelInfo, "tokens: "+o.what+" works again", line...)
	}
}

func (o *outage) noteSuccess(start, now time.Time) []slog.Attr {
	o.mu.Lock()
	defer o.mu.Unlock()
	// A clock that was set back must not make an outage last.
	if o.since.IsZero() || start.Before(o.since) && !now.Before(o.since) {
		return nil
	}
	since := o.since
	o.since = time.Time{}
	if !o.logged {
		return nil
	}
	return []slog.Attr{o.name, slog.Duration("duration", max(now.Sub(since), 0)), slog.Int("failures", o.failures)}
}

// lookAt names the field of UserPool that may be wrong, if the error does not come from
// Cognito itself.
func (o *outage) lookAt(err error) string {
	var api *APIError
	switch {
	case isUnknownHost(err):
		return o.field + " is wrong, or the network's DNS does not know the host"
	case errors.Is(err, errNoKeySet), errors.Is(err, errNoUserPool):
		return o.field + " is wrong, or a proxy has answered"
	case errors.As(err, &api) && isForeignAnswer(api):
		return o.field + " is wrong, or a proxy has answered"
	}
	return ""
}

// isForeignAnswer reports whether an error answer is none of Cognito's, such as the page
// of a proxy.
func isForeignAnswer(api *APIError) bool { return api.Code == "" || api.Code == awscall.NoCode }

// outageText describes an error for the log. It leaves out the message of an answer, which
// a trigger may have written about its user.
func outageText(err error) string {
	text := strings.TrimPrefix(err.Error(), ErrUnavailable.Error()+": ")
	if api := (*APIError)(nil); errors.As(err, &api) {
		text = fmt.Sprintf("%s is answered with status %d", api.Op, api.Status)
		if !isForeignAnswer(api) {
			text += fmt.Sprintf(" and the code %.80q", api.Code)
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
	return fmt.Sprintf("%.*s", maxErrorText, text)
}

// isOutage reports whether a call's error says that Cognito cannot do the operation now. It
// says so by throttling, by an error of its own, by a trigger that is broken, and by no
// answer. A refusal of a token, a parameter or the app client is an answer.
func isOutage(err error) bool {
	if !errors.Is(err, ErrUnavailable) {
		return false
	}
	var api *APIError
	if !errors.As(err, &api) || isForeignAnswer(api) || api.Throttled() || api.Status >= 500 {
		return true
	}
	switch api.Code {
	case "UnexpectedLambdaException", "InvalidLambdaResponseException", "server_error", "temporarily_unavailable":
		return true
	}
	return false
}

// isAbandoned reports whether a call failed only because its caller waited no longer: a
// browser has gone away, or little time was left.
func isAbandoned(ctx context.Context, elapsed time.Duration) bool {
	switch err := ctx.Err(); {
	case err == nil:
		return false
	case errors.Is(err, context.Canceled):
		return true
	}
	return elapsed < abandonedAfter
}

// keySetOutage returns the outage of an issuer's key set.
func keySetOutage(issuer string, userPool UserPool, logger *slog.Logger) *outage {
	field := "UserPool.ID"
	switch {
	case slices.Contains(userPool.Issuers, issuer):
		field = "UserPool.Issuers"
	case userPool.Issuer != "":
		field = "UserPool.Issuer"
	}
	return &outage{logger: logger, what: "a key set", name: slog.String("issuer", issuer), field: field}
}

// noteOutage notes the result of a fetch for the log.
func (s *issuerKeys) noteOutage(ctx context.Context, start time.Time, err error) {
	now, keys := s.opts.Now(), s.current.Load()
	switch {
	case err == nil:
		s.outage.worked(ctx, start, now)
	case keys != nil:
		s.outage.failed(ctx, start, now, err, slog.Time("usable_until", keys.fetchedAt.Add(keysUsableFor)))
	case !s.isUnused(err):
		s.outage.failed(ctx, start, now, err)
	}
}

// isUnused reports whether the user pool seems not to use an issuer whose key set cannot be
// fetched. Any client can send a token that names the issuer, which is no outage.
func (s *issuerKeys) isUnused(err error) bool {
	return !s.first && (errors.Is(err, errNoKeySet) || s.set.anyFetched())
}

// operations has the outages of a Client's operations.
type operations struct {
	mu     sync.Mutex
	byName map[string]*outage
}

// outage returns that of an operation.
func (o *operations) outage(c *Client, op string) *outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found := o.byName[op]; found != nil {
		return found
	}
	if o.byName == nil {
		o.byName = make(map[string]*outage)
	}
	field := "UserPool.ID"
	switch {
	case op == opToken:
		field = "UserPool.Domain"
	case c.userPool.Endpoint != "":
		field = "UserPool.Endpoint"
	}
	o.byName[op] = &outage{logger: c.opts.Logger, what: "an operation of Cognito", name: slog.String("operation", op), field: field}
	return o.byName[op]
}

// report notes how a call ended, and tells the hook of it.
func (c *Client) report(ctx context.Context, op string, start time.Time, err error) {
	now := c.opts.Now()
	var api *APIError
	switch {
	case !isOutage(err):
		c.operations.outage(c, op).worked(ctx, start, now)
	case c.userPool.Endpoint != "" && errors.As(err, &api) && api.unknownOperation(): // Refresh calls another one
	case !isAbandoned(ctx, now.Sub(start)):
		c.operations.outage(c, op).failed(ctx, start, now, err)
	}
	if c.opts.Hooks.Called != nil {
		c.opts.Hooks.Called(ctx, op, now.Sub(start), err)
	}
}
