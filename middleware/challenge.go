package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// scopesError is the error of a guard that asks for scopes. ServeError tells the client.
type scopesError struct {
	error
	scopes  []string
	missing bool // a token with all of them would pass, and the session's has not
}

func (e *scopesError) Unwrap() error { return e.error }

// withScopes returns the error with the scopes that the guard asks for. Without bearer
// tokens nobody asks.
func (g *guard) withScopes(err error, s *session.Session) error {
	if len(g.scopes) == 0 || !g.auth.cfg.Bearer {
		return err
	}
	return &scopesError{err, g.scopes, !s.HasScope(g.scopes...) && !errors.Is(err, errUser)}
}

// challenge returns the WWW-Authenticate of a 401. With bearer tokens it has the
// parameters of RFC 6750 §3 and RFC 9728 §5.1. A request without a token has made no error
// (§3.1): its client only learns where to get one.
func (a *Auth) challenge(r *http.Request, err error) string {
	if !a.cfg.Bearer {
		return "Bearer"
	}
	var params challengeParams
	if a.sessions.HasBearerToken(r) {
		params.add("error", "invalid_token")
		params.add("error_description", describeRefusal(err))
	}
	a.addWanted(&params, r, err)
	if params == "" { // one parameter at least is required (§3)
		params.add("realm", a.cfg.UserPool.ID)
	}
	return "Bearer " + string(params)
}

// setScopeChallenge sets the WWW-Authenticate of a 403 if a token with more scopes would
// pass. Another reason to refuse, such as a group, no token can remove.
func (a *Auth) setScopeChallenge(h http.Header, r *http.Request, err error) {
	scopes, ok := errors.AsType[*scopesError](err)
	if !ok || !scopes.missing || !a.sessions.HasBearerToken(r) {
		return
	}
	var params challengeParams
	params.add("error", "insufficient_scope")
	params.add("error_description", "The access token lacks a scope")
	a.addWanted(&params, r, err)
	h.Set("WWW-Authenticate", "Bearer "+string(params))
}

// addWanted adds what a client asks the authorization server for: the scopes of the
// guard, and the metadata of the resource.
func (a *Auth) addWanted(params *challengeParams, r *http.Request, err error) {
	if e, ok := errors.AsType[*scopesError](err); ok && !slices.ContainsFunc(e.scopes, func(s string) bool { return !isScope(s) }) {
		params.add("scope", strings.Join(e.scopes, " "))
	}
	if res := a.resourceOf(r); res != nil {
		params.add("resource_metadata", a.cfg.Origin+res.metadataPath)
	}
}

// challengeParams are the parameters of a challenge (RFC 9110 §11.2).
type challengeParams string

// add adds a parameter. The value has no quotes, backslashes or control characters.
func (p *challengeParams) add(name, value string) {
	if *p != "" {
		*p += ", "
	}
	*p += challengeParams(name + `="` + value + `"`)
}

// refusals say to a client why its token is refused. The texts hold nothing of the token.
var refusals = map[tokens.Reason]string{
	tokens.Malformed:   "The access token is malformed",
	tokens.BadClient:   "The access token is of an app client that is not accepted here",
	tokens.BadUse:      "The token is not an access token",
	tokens.BadAudience: "The access token is for another resource",
	tokens.Expired:     "The access token has expired",
}

// describeRefusal returns the error_description for a refused token.
func describeRefusal(err error) string {
	if errors.Is(err, session.ErrNotFresh) {
		return "The access token is too old here"
	}
	if refusal, ok := errors.AsType[*tokens.VerifyError](err); ok {
		if text, ok := refusals[refusal.Reason]; ok {
			return text
		}
	}
	return "The access token is invalid"
}
