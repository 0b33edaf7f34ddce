package session

import (
	"context"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// layout keeps sessions in cookies. It alone knows the names, values, attributes and sizes
// of its cookies. All else knows users and their tokens.
type layout interface {
	// users returns the cookies of each user who may be signed in. There may be none. An
	// error says that it cannot be told now.
	users(context.Context, requestCookies) (foundUsers, error)

	// allUsers returns those of every session in the cookies, for a sign-out.
	allUsers(context.Context, requestCookies) (foundUsers, error)

	// writeRefreshed writes refreshed tokens of a user. isEnded reports whether their
	// sign-in was ended.
	writeRefreshed(a answer, u *userCookies, got *refresh.Tokens, isEnded func() bool)

	// writeSignIn writes a new session, and deletes every earlier one of this app client.
	writeSignIn(answer, *Session, *tokens.Set)

	// clear deletes the sessions of the users.
	clear(answer, []userCookies)

	// clearAll deletes the sessions of the users, and every other one of this app client.
	clearAll(answer, []userCookies)

	// clearStale deletes cookies that are no session's, on a page's answer.
	clearStale(answer, []staleCookie)

	// warnOfDuplicates says once a minute that a cookie comes twice.
	warnOfDuplicates(requestCookies, []userCookies)

	// holdsTokens reports whether a session's tokens are in the cookie.
	holdsTokens(*requestCookie) bool
}

// newLayout returns the layout of a valid configuration with the names of its cookies, and
// the same as a sealedLayout if it is one.
func newLayout(cfg *Config) (layout, names, *sealedLayout, error) {
	if cfg.Layout != LayoutSealed {
		l := newAmplifyLayout(cfg)
		return l, l.names, nil, nil
	}
	l, err := newSealedLayout(cfg)
	if err != nil {
		return nil, names{}, nil, err
	}
	return l, l.names, l, nil
}
