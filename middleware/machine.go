package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/session"
)

// RequireMachine is Require for programs, whose access tokens have all of the scopes and
// name no user (the client credentials grant, RFC 6749 §4.4). Users get 403, and so does a
// program without a scope. It needs Config.Bearer, and usually Config.BearerClients.
//
// The session has the zero User. Its access token's Subject is the app client's id. Like
// RequireScope, mount it on a path that Protect does not select. It panics for an empty
// scope.
func (a *Auth) RequireMachine(allOf ...string) func(http.Handler) http.Handler {
	if slices.Contains(allOf, "") {
		panic("cognitogate: RequireMachine got an empty scope")
	}
	if !a.cfg.Bearer {
		panic("cognitogate: RequireMachine needs Config.Bearer, without which no program can pass")
	}
	allOf = slices.Clone(allOf)
	what := "machine"
	if len(allOf) > 0 {
		what += " with scope " + strings.Join(allOf, " and ")
	}
	return func(next http.Handler) http.Handler {
		return &guard{
			auth: a, next: next, kind: kindRequire, reason: ReasonScope, what: what, allowMachine: true, onlyMachine: true, scopes: allOf,
			allow: func(_ *http.Request, s *session.Session) bool { return s.HasScope(allOf...) },
		}
	}
}

// isMachine reports whether a session is a program's, which has no user.
func isMachine(s *session.Session) bool {
	return s.AccessToken() != nil && s.AccessToken().Username() == ""
}
