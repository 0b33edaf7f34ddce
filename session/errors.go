package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// ErrSignedOut reports that nobody is signed in: there are no cookies, or the session
// they hold is over. It is certain; what could not be verified is tokens.ErrUnavailable.
// The reason of a refused token is in the chain: errors.Is(err, tokens.Expired).
var ErrSignedOut = errors.New("session: nobody is signed in")

// ErrSignInEnded reports tokens of a sign-in that was signed out, by [Manager.End] or
// [Manager.EndUser]. It comes with ErrSignedOut.
var ErrSignInEnded = refresh.ErrEnded

// ErrNotFresh reports an access token that is older than FetchOptions.MaxAge, and that
// cannot be refreshed. It comes with ErrSignedOut. The session stands elsewhere.
var ErrNotFresh = errors.New("the access token is older than MaxAge")

// minMaxAge is the least FetchOptions.MaxAge. The limits allow a sign-in 20 refreshes a
// minute, and other requests need some.
const minMaxAge = 10 * time.Second

var (
	errNoCookies      = signedOutBecause(errors.New("no cookies"))
	errNoAccessToken  = errors.New("no access token")
	errNoRefreshToken = errors.New("no refresh token")
	errNotOpened      = errors.New("the session's cookies cannot be opened: one is missing, or Secret or Layout is another one")
	errNoRecord       = errors.New("the session's record is not in the store, or cannot be opened: the user has signed out, the store has lost it, or Secret is another one")
	errRecordChanges  = errors.New("others change the session's record all the time")
	errIdle           = errors.New("the session was not used for longer than Lifetime.Idle")
	errTooOld         = errors.New("the session has reached Lifetime.Absolute")
	errNotTakenOver   = errors.New("the session in Amplify's cookies is not taken over")
	errTooManyRecords = errors.New("the sign-in was taken over too often")
	errAnswerSettled  = errors.New("a sign-in or sign-out has written the answer's cookies")
	errNoUser         = errors.New("the access token names no user")
	errPrefetch       = errors.New("a prefetch refreshes nothing")
	errNotAllChecked  = errors.New("more tokens than are checked for one request; the next one goes on")
	errNotAllTried    = errors.New("more refresh tokens than Cognito is asked about for one request; the next one goes on")
	errOtherUser      = errors.New("the refreshed tokens are another user's")

	errPaused = fmt.Errorf("%w: the last refresh has failed a moment ago", tokens.ErrUnavailable)

	errMaxAge             = fmt.Errorf("session: MaxAge is less than %v", minMaxAge)
	errForceWithoutWriter = errors.New("session: ForceRefresh needs a ResponseWriter for the new cookies")
	errForceWithBearer    = errors.New("session: ForceRefresh cannot refresh a bearer token; its client does")
)

// signedOutError is ErrSignedOut with its reason. It makes its text when somebody reads it,
// so that refusals are cheap.
type signedOutError struct{ reason error }

func (e *signedOutError) Error() string { return ErrSignedOut.Error() + ": " + e.reason.Error() }

func (e *signedOutError) Is(target error) bool { return target == ErrSignedOut }

func (e *signedOutError) Unwrap() error { return e.reason }

// signedOutBecause returns ErrSignedOut with its reason.
func signedOutBecause(err error) error {
	if err == nil {
		err = errNoAccessToken
	}
	return &signedOutError{err}
}

// notFreshBecause returns ErrNotFresh with the reason why nothing was refreshed.
func notFreshBecause(err error) error {
	if err == nil {
		return signedOutBecause(ErrNotFresh)
	}
	return signedOutBecause(fmt.Errorf("%w: %w", ErrNotFresh, err))
}

// unavailable returns tokens.ErrUnavailable with its reason.
func unavailable(err error) error {
	if errors.Is(err, tokens.ErrUnavailable) {
		return fmt.Errorf("session: %w", err)
	}
	return fmt.Errorf("session: %w: %w", tokens.ErrUnavailable, err)
}

// storeUnavailable returns tokens.ErrUnavailable for a store that keeps the sessions and
// fails. Without these words the text would speak of Cognito alone.
func storeUnavailable(err error) error {
	return unavailable(fmt.Errorf("the store of the sessions fails: %w", err))
}
