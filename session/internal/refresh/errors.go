package refresh

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/tokens"
)

var (
	// ErrEnded reports a session that was signed out in this process. A refresh that
	// finishes later must not bring it back.
	ErrEnded = errors.New("the session was signed out")

	// ErrTooMany reports a refresh token that Cognito was not asked about, because a
	// limit is reached.
	ErrTooMany = fmt.Errorf("%w: too many refresh tokens", tokens.ErrUnavailable)

	errPanicked = fmt.Errorf("%w: a refresh has panicked", tokens.ErrUnavailable)
	errTwoUsers = fmt.Errorf("%w: refreshed tokens name two users", tokens.ErrUnavailable)
)

const codeReuse = "RefreshTokenReuseException"

// SignedOut reports whether Cognito says that the session is over.
func SignedOut(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && api.SignedOut()
}

// Refused reports whether Cognito will never accept the refresh token again.
func Refused(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && (api.SignedOut() || api.Code == codeReuse)
}

// hadNoEffect reports whether Cognito has answered why it does not refresh. Without an
// answer it may have refreshed.
func hadNoEffect(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && api.Code != ""
}

// willNeverVerify reports whether Cognito's answer will not be accepted later either.
func willNeverVerify(err error) bool {
	var refusal *tokens.VerifyError
	return errors.Is(err, errTwoUsers) || errors.As(err, &refusal) && refusal.Reason.Final()
}

// answerLog logs what Cognito's answers say about the deployment, at most once a minute
// each.
type answerLog struct {
	logger                *slog.Logger
	now                   func() time.Time
	clock, answer, config rate.Sometimes
}

func newAnswerLog(logger *slog.Logger, now func() time.Time) *answerLog {
	l := &answerLog{logger: logger, now: now}
	l.clock.Interval, l.answer.Interval, l.config.Interval = time.Minute, time.Minute, time.Minute
	return l
}

// unusable logs why Cognito's new tokens were refused and returns ErrUnavailable:
// the refusal says nothing about the user's session. A token that is expired, or not
// valid yet, shows that a clock is wrong.
func (l *answerLog) unusable(err error) error {
	switch {
	case errors.Is(err, tokens.ErrUnavailable):
		return err
	case errors.Is(err, tokens.Expired), errors.Is(err, tokens.NotYetValid):
		l.clock.Do(func() {
			l.logger.Error("session: Cognito's new tokens are not valid by this server's clock: one of the two is wrong",
				"error", err, "off", clockSkew(err, l.now()))
		})
	default:
		l.answer.Do(func() {
			l.logger.Error("session: Cognito's answer holds a token that is refused", "error", err)
		})
	}
	return fmt.Errorf("%w: a refreshed token cannot be used: %w", tokens.ErrUnavailable, err)
}

// clockSkew returns by how much, at least, a clock is wrong that finds a new token
// expired. For a token that is not valid yet, the error's text has the difference.
func clockSkew(err error, now time.Time) time.Duration {
	var refusal *tokens.VerifyError
	if errors.As(err, &refusal) && refusal.Token != nil {
		return now.Sub(refusal.Token.ExpiresAt()).Round(time.Second)
	}
	return 0
}

// configuration logs an answer about our configuration. It looks like a refusal of the
// token, but a deployment's mistake must not sign everybody out.
func (l *answerLog) configuration(err error) {
	var api *tokens.APIError
	if !errors.Is(err, tokens.ErrUnavailable) || !errors.As(err, &api) || api.Throttled() || api.Status >= 500 {
		return
	}
	l.config.Do(func() {
		l.logger.Error("session: Cognito refuses to refresh, which looks like a wrong configuration; nobody is signed out for it", "error", err)
	})
}
