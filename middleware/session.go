package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cognitogate/cognitogate/session"
)

// Session returns the session that a guard of this Auth has found for the request, or
// nil. It never returns that of another Auth, unlike session.FromContext, which returns
// that of the innermost guard.
func (a *Auth) Session(r *http.Request) *session.Session {
	return a.sessions.FromContext(r.Context())
}

// errUser reports a user's token on a route for programs.
var errUser = fmt.Errorf("%w: the token is a user's", ErrForbidden)

// errMachine reports a program's token on a route for users.
var errMachine = fmt.Errorf("%w: the token is a program's", ErrForbidden)

// allowMachine is for guards that answer 403, and not 401, to a program that may not see
// the route: its token is good.
var allowMachine = &session.FetchOptions{AllowMachine: true}

// fetch returns the session of a request. To Load, a program's token is nobody's.
func (g *guard) fetch(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	if g.kind == kindLoad {
		return g.auth.sessions.Fetch(w, r, nil)
	}
	options := allowMachine
	if g.options != nil {
		options = g.options
	}
	s, err := g.auth.sessions.Fetch(w, r, options)
	switch {
	case errors.Is(err, session.ErrNotFresh):
		err = &newSignInError{err, options.MaxAge}
	case err != nil:
	case !g.allowMachine && isMachine(s):
		err = errMachine
	case g.onlyMachine && !isMachine(s):
		err = errUser
	case g.recent > 0 && !g.auth.isRecent(s, g.recent):
		err = &newSignInError{ErrNotRecent, g.recent}
	}
	return s, err
}

// withSession returns r with ctx, and in it the session, which hides that of an outer
// Auth even if s is nil. It returns r itself if its context says the same already.
func (a *Auth) withSession(ctx context.Context, r *http.Request, s *session.Session) *http.Request {
	ctx = a.sessions.NewContext(ctx, s)
	if ctx == r.Context() {
		return r
	}
	return r.WithContext(ctx)
}
