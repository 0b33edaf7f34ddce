package middleware

import (
	"context"
	"net/http"
	"sync"

	"github.com/cognitogate/cognitogate/session"
)

// Outcome is what the guards have decided about a request; see [Watched].
type Outcome struct {
	// Decision is "" if no guard has decided: the request went another way, or a function
	// of RequireFunc has panicked.
	Decision Decision
	// Subject is the "sub" claim of the verified access token, with DecisionPassed and
	// DecisionForbidden. Otherwise it is "".
	Subject string
}

// Watch lets handlers in front of the guards see what the guards decide. An access log
// stands between Watch and the guards, and reads [Watched] after the request. With several
// Auths, put the Watch of each in front: their guards fill one Outcome. The guards of an
// Auth without Watch do not look for a place to fill.
func (a *Auth) Watch(next http.Handler) http.Handler {
	a.watches.Store(true)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if outcomeOf(r) != nil {
			next.ServeHTTP(w, r)
			return
		}
		watched := r.WithContext(context.WithValue(r.Context(), outcomeKey{}, new(watchedOutcome)))
		defer noteBack(r, watched)
		next.ServeHTTP(w, watched)
	})
}

// Watched returns what the guards behind [Auth.Watch] have decided about a request so far.
// r is a request that has come through Watch; without Watch the Outcome is zero. Of nested
// guards the last one counts. But a guard that does not select the path, or lets everybody
// through, does not replace what another has decided. Watched may be called while the
// request is served, and after a panic.
func Watched(r *http.Request) Outcome {
	o := outcomeOf(r)
	if o == nil {
		return Outcome{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.outcome
}

// outcomeKey is the key of a request's *watchedOutcome.
type outcomeKey struct{}

// outcomeOf returns the place that Watch has put into a request's context, or nil.
func outcomeOf(r *http.Request) *watchedOutcome {
	o, _ := r.Context().Value(outcomeKey{}).(*watchedOutcome)
	return o
}

// watchedOutcome is the place for a request's Outcome. A guard behind http.TimeoutHandler
// may write it while an access log reads it.
type watchedOutcome struct {
	mu      sync.Mutex
	outcome Outcome
}

// watchedOutcome returns the place for the decision of a guard of a, or nil.
func (a *Auth) watchedOutcome(r *http.Request) *watchedOutcome {
	if !a.watches.Load() {
		return nil
	}
	return outcomeOf(r)
}

// note keeps a decision and the subject of the session that it is about. s may be nil.
func (o *watchedOutcome) note(d Decision, s *session.Session) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !d.replaces(o.outcome.Decision):
	case s == nil || s.AccessToken() == nil:
		o.outcome = Outcome{Decision: d}
	default:
		o.outcome = Outcome{Decision: d, Subject: s.AccessToken().Subject()}
	}
}
