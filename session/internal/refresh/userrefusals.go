package refresh

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	userRefusalPatience = 3 * time.Minute // before a refused user is signed out
	userRefusalTTL      = time.Hour       // without another refusal
)

// userRefusals tell a user whom Cognito refuses from an outage that looks the same. A
// user's own refresh token may be refused for ever, by the user pool's trigger say. The
// user must be able to sign in anew. But a trigger may also fail for everybody.
type userRefusals struct {
	now func() time.Time

	mu          sync.Mutex
	since       recent.Map[hash, time.Time] // the first refusal, by refresh token
	lastSuccess time.Time                   // of any refresh
}

func newUserRefusals(now func() time.Time) *userRefusals {
	return &userRefusals{now: now, since: recent.Map[hash, time.Time]{Keep: userRefusalTTL, Max: maxNotes}}
}

// noteSuccess notes that Cognito has refreshed a token.
func (u *userRefusals) noteSuccess(refreshToken string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lastSuccess = u.now()
	if u.since.Len() > 0 {
		u.since.Delete(hashOf(refreshToken))
	}
}

// forget forgets the refusals of a token that another process has refreshed. When Cognito
// has done so is not known.
func (u *userRefusals) forget(refreshToken string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.since.Len() > 0 {
		u.since.Delete(hashOf(refreshToken))
	}
}

// judge returns the error that the failure of a refresh means. A refusal of this user is
// ErrUserRefused once it has lasted for userRefusalPatience, if others were refreshed
// since the first. The refresh token itself was not: a success forgets its refusals. A
// call may have begun before the first refusal and have succeeded a little later. It
// does not count.
func (u *userRefusals) judge(refreshToken string, err error) error {
	if !IsUserRefusal(err) {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	key, now := hashOf(refreshToken), u.now()
	since, ok := u.since.Get(key, now)
	if !ok || since.After(now) { // the clock was set back
		since = now
	}
	u.since.Put(key, since, now)
	if now.Sub(since) < userRefusalPatience || !u.lastSuccess.After(since.Add(Timeout)) || u.lastSuccess.After(now) {
		return err
	}
	var api *tokens.APIError
	errors.As(err, &api)
	return fmt.Errorf("%w: %w", ErrUserRefused, api)
}
