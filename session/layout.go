package session

import (
	"context"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// layout keeps sessions in cookies. It alone knows the names, values, attributes and sizes
// of its cookies. All else knows users and their tokens.
type layout interface {
	// users returns the cookies of each user who may be signed in. There may be none. An
	// error says that it cannot be told now.
	users(context.Context, requestCookies) (foundUsers, error)

	// takeUsers returns those of every session in the cookies, for a sign-out, and deletes
	// what is kept of them outside of the cookies. Beside an error there may be users.
	takeUsers(context.Context, requestCookies) (foundUsers, error)

	// writeRefreshed writes refreshed tokens of a user. isEnded reports whether their
	// sign-in was ended.
	writeRefreshed(a answer, u *userCookies, got *refresh.Tokens, isEnded func() bool)

	// writeSignIn writes a new session, and deletes every earlier one of this app client.
	// After an error nothing is written.
	writeSignIn(answer, *Session, *content) error

	// writeTakenOver writes a session that is taken over from Amplify's cookies, in a request
	// without cookies of this layout. A late answer must replace neither a later sign-in nor
	// a refresh. isEnded reports whether the sign-in was ended. After an error nothing is
	// written.
	writeTakenOver(a answer, s *Session, c *content, isEnded func() bool) error

	// clear deletes the sessions of the users.
	clear(answer, []userCookies)

	// clearAll deletes the sessions of the users, and every other one of this app client.
	clearAll(answer, []userCookies)

	// clearStale deletes cookies that are no session's, on a page's answer.
	clearStale(answer, []staleCookie)

	// warnOfDuplicates says once a minute that a cookie comes twice.
	warnOfDuplicates(requestCookies, []userCookies)

	// holdsTokens reports whether a session's tokens are in the cookie.
	holdsTokens(requestCookie) bool
}
