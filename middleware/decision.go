package middleware

import (
	"errors"
	"net/http"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// Decision is what a guard decides about a request. Its text is stable and can be
// a metric's label.
type Decision string

// The decisions.
const (
	DecisionPublic      Decision = "public"      // the matcher does not select the path
	DecisionPreflight   Decision = "preflight"   // answered by Config.Preflight
	DecisionPassed      Decision = "passed"      // signed in and allowed
	DecisionAnonymous   Decision = "anonymous"   // let through by Load without a session
	DecisionRedirected  Decision = "redirected"  // sent to the sign-in page
	DecisionRefused     Decision = "refused"     // 401
	DecisionForbidden   Decision = "forbidden"   // 403
	DecisionUnavailable Decision = "unavailable" // 503
)

// The reasons of guards, beside those of package session. With DecisionForbidden one of
// the first five says who may see the route. The last four are reasons of
// DecisionRedirected: the redirect would lead back, and ServeError answers with a page that
// says so, and 400.
const (
	ReasonGroup   session.Reason = "group"   // users in a group: RequireGroup
	ReasonScope   session.Reason = "scope"   // access tokens with a scope: RequireScope
	ReasonFunc    session.Reason = "func"    // sessions that a function allows: RequireFunc
	ReasonMachine session.Reason = "machine" // users, and the token is a program's
	ReasonUser    session.Reason = "user"    // programs, and the token is a user's: RequireMachine

	// With DecisionRedirected or DecisionRefused, the user has to sign in again: RequireRecent.
	ReasonNotRecent session.Reason = "not_recent"

	ReasonOtherSlash    session.Reason = "other_slash"     // the path is public with another slash at its end
	ReasonSignInGuarded session.Reason = "sign_in_guarded" // the sign-in page is for signed-in users only
	ReasonSignInLoop    session.Reason = "sign_in_loop"    // the browser does not keep the session
	ReasonRedirectLoop  session.Reason = "redirect_loop"   // the browser came back from the sign-in page several times
)

// GuardDecision is what Hooks.Decided and Hooks.Served are told.
type GuardDecision struct {
	Decision Decision

	// Reason says why the request has no session that may pass. It is "" with
	// DecisionPublic, DecisionPreflight and DecisionPassed. There are only the constants of
	// this package and of package session, so it can be a metric's label. An ErrorHandler of
	// your own may answer in another way than Decision and Reason say.
	Reason session.Reason

	// Depth is how many guards of this Auth are around the one that has decided. The
	// outermost has 0.
	Depth int

	// Elapsed is the time that the decision took, with a refresh if there was one.
	Elapsed time.Duration

	// Route is the pattern that chi or a ServeMux has matched, without method and host:
	// "/items/{id}", as in the attribute http.route of OpenTelemetry. It is "" if no such
	// router has matched one, as when the request is refused in front of the router. For
	// Decided, only the routers around the guard have matched.
	Route string
}

// refusalDecision returns the decision that an error means.
func (a *Auth) refusalDecision(r *http.Request, err error) Decision {
	switch {
	case errors.Is(err, ErrForbidden):
		return DecisionForbidden
	case errors.Is(err, tokens.ErrUnavailable):
		return DecisionUnavailable
	case a.navigates(r):
		return DecisionRedirected
	}
	return DecisionRefused
}

// reasonOf returns the reason of a decision. outer is the request as the guard got it: the
// one for the handler may have lost its cookies.
func (g *guard) reasonOf(outer, r *http.Request, d Decision, err error) session.Reason {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errMachine):
		return ReasonMachine
	case errors.Is(err, errUser):
		return ReasonUser
	case errors.Is(err, ErrNotRecent):
		return ReasonNotRecent
	case errors.Is(err, ErrForbidden):
		return g.reason
	case d == DecisionRedirected && errors.Is(err, session.ErrSignedOut) && !wantsNewSignIn(err) && g.auth.isPage(r):
		if reason, _ := g.auth.loopReason(r); reason != "" {
			return reason
		}
	}
	return g.auth.sessions.Reason(outer, err)
}

// replaces reports whether a decision counts for a request instead of an earlier one. A
// guard that does not select the path, or lets everybody through, does not replace what
// another has decided.
func (d Decision) replaces(before Decision) bool {
	switch d {
	case DecisionPublic:
		return before == ""
	case DecisionAnonymous:
		return before == "" || before == DecisionPublic || before == DecisionAnonymous
	}
	return true
}
