package middleware

import (
	"fmt"
	"net/http"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// minFresh is the least age that session.FetchOptions.MaxAge may have.
const minFresh = 10 * time.Second

// Fresh is Require for an access token that is no older than maxAge. An older one is
// refreshed first. So a group that was taken away is gone after maxAge at the latest, and
// a user who was disabled has no session. Put it before the guard that asks for the group:
//
//	router.With(auth.Fresh(30*time.Second), auth.RequireGroup("admins"))
//
// Requests share a refresh like every other, and each rotates the refresh token if yours
// rotate. If the refresh fails, there is no session on this route only: in an outage the
// answer is 503. A session without a refresh token needs a new sign-in. A bearer token is
// not refreshed here: one that is too old gets 401, and its client refreshes it.
// FetchOptions.MaxAge of package session says how the age counts.
//
// Fresh panics for less than ten seconds, because Cognito limits how often it is called.
func (a *Auth) Fresh(maxAge time.Duration) func(http.Handler) http.Handler {
	if maxAge < minFresh {
		panic(fmt.Sprintf("cognitogate: Fresh needs at least %v", minFresh))
	}
	options := &session.FetchOptions{AllowMachine: true, MaxAge: maxAge}
	return func(next http.Handler) http.Handler {
		return &guard{auth: a, next: next, kind: kindRequire, what: "fresh for " + maxAge.String(), options: options}
	}
}
