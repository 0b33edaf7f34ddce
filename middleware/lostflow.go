package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"time"
)

// A callback may come without a flow of this browser: the user has loaded it again or has
// gone back to it, the flow is too old, or an identity provider has begun the sign-in.

// A flow that a callback without a state has begun is counted for a minute. Otherwise a
// managed login that drops the state would send the browser around for ever.
const (
	unaskedFlowPeriod = time.Minute
	maxUnaskedFlows   = 2
)

// serveLostCallback answers a callback without a flow. Its code is never used: anybody
// can make a link with a code of their own. A signed-in user goes on.
func (a *Auth) serveLostCallback(w http.ResponseWriter, r *http.Request, q url.Values, state string) {
	_, err := a.sessions.Fetch(w, r, nil)
	switch {
	case err == nil:
		redirect(w, r, cmp.Or(a.routes.returnPathOf(state), a.cfg.AfterSignIn))
	case isUnasked(q) && a.countUnaskedFlows(r) < maxUnaskedFlows:
		f := newFlow(a.cfg.AfterSignIn)
		f.Unasked, f.Repeated = true, a.isRepeatedSignIn(r, err)
		a.startFlow(w, r, f, authorizeEndpoint, nil)
	default:
		a.callSignInFailed(w, r, FailureLost, errNoFlow)
		a.serveLostPage(w, r)
	}
}

// isUnasked reports whether a callback has a code and no state: an identity provider has
// signed the user in to the managed login (SAML, IdP-initiated), which asks for nothing
// when the browser comes with a state. An empty parameter is an absent one (RFC 6749
// §3.1).
func isUnasked(q url.Values) bool {
	return len(q["code"]) == 1 && q.Get("code") != "" && len(q["state"]) <= 1 && q.Get("state") == "" &&
		!q.Has("error") && !q.Has("error_description")
}

// countUnaskedFlows returns how many flows of this browser were begun within a minute by
// callbacks without a state.
func (a *Auth) countUnaskedFlows(r *http.Request) (n int) {
	since := a.routes.now().Add(-unaskedFlowPeriod).UnixMilli()
	for _, c := range a.flowCookies(r) {
		var f flow
		if a.routes.flowSealer.Open(c.name, c.value, &f) == nil && f.Unasked && f.StartedAt >= since {
			n++
		}
	}
	return n
}
