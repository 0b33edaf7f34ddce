package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// AnyOf guards everything behind it like [Auth.Require], for users of any of several Auths:
// staff or customers on one route, say, of two user pools or app clients. The Auths are
// asked in their order, and the first one with a session decides. Its Session returns that
// session in the handler, and the Session of each other one asked returns nil:
//
//	router.With(cognito.AnyOf(staff, customers)).Get("/orders/{id}", order)
//
// Each Auth refreshes, and deletes, its own cookies alone. Without a session the first Auth
// answers, and sends users to its sign-in page. If one of them cannot tell, during an
// outage, and no other has a session, the answer is 503. AnyOf panics without an Auth, for
// a nil one, and for one that comes twice.
func AnyOf(auths ...*Auth) func(http.Handler) http.Handler {
	if len(auths) == 0 || slices.Contains(auths, nil) {
		panic("cognitogate: AnyOf needs Auths")
	}
	for i, a := range auths {
		if slices.Contains(auths[:i], a) {
			panic("cognitogate: AnyOf got an Auth twice")
		}
	}
	auths = slices.Clone(auths)
	what := fmt.Sprintf("any of %d Auths", len(auths))
	return func(next http.Handler) http.Handler {
		several := &anyGuard{next: next}
		for _, a := range auths {
			several.guards = append(several.guards, &guard{auth: a, next: next, kind: kindRequire, what: what})
		}
		return several
	}
}

// anyGuard lets a request pass that one of its guards would let pass.
type anyGuard struct {
	guards []*guard // one of each Auth
	next   http.Handler
}

// askedGuard is a guard that does not let a request pass, with what it needs to answer.
type askedGuard struct {
	*guard
	decider decider
	outer   *http.Request // as the guard got it
	answer  *responseWriter
	session *session.Session // a program's, or nil
	err     error
}

func (several *anyGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, g := range several.guards {
		if g.auth.isPreflight(r) {
			d := g.newDecider(r)
			defer d.end(r)
			g.servePreflight(w, r, &d)
			return
		}
	}
	several.ask(w, r, nil)
}

// guardOf returns the guard of an Auth, or nil.
func (several *anyGuard) guardOf(a *Auth) *guard {
	for _, g := range several.guards {
		if g.auth == a {
			return g
		}
	}
	return nil
}

// ask asks the guard that comes after those that were asked. Each has a writer of its own
// inside of those before it, and puts its own cookies on the answer.
func (several *anyGuard) ask(w http.ResponseWriter, r *http.Request, before []*askedGuard) {
	g := several.guards[len(before)]
	asked := &askedGuard{guard: g, outer: r, decider: g.newDecider(r)}
	defer asked.decider.end(r)
	w, asked.answer = g.auth.guardWriter(w, r)
	defer func() {
		asked.answer.finish()
		noteBack(asked.outer, r)
	}()
	asked.session, asked.err = g.fetch(asked.answer, r)
	r = g.forHandler(&asked.decider, asked.answer, r, asked.session)
	switch before = append(before, asked); {
	case asked.err == nil:
		tellOthers(before, asked, r)
		asked.decider.tell(asked.outer, r, DecisionPassed, asked.session, nil)
		several.next.ServeHTTP(w, r)
	case len(before) < len(several.guards):
		several.ask(w, r, before)
	default:
		answering := answering(before)
		tellOthers(before, answering, r)
		answering.refuse(w, answering.answer, answering.outer, r, &answering.decider, answering.session, answering.err)
	}
}

// tellOthers notes that guards beside the deciding one have let the request pass.
func tellOthers(asked []*askedGuard, deciding *askedGuard, r *http.Request) {
	for _, other := range asked {
		if other != deciding {
			other.decider.tell(other.outer, r, DecisionAnonymous, nil, other.err)
		}
	}
}

// answering returns the guard that answers a request that none lets pass: the first that
// cannot tell, else the first that knows the token and forbids the route, else the first.
func answering(asked []*askedGuard) *askedGuard {
	for _, err := range []error{tokens.ErrUnavailable, ErrForbidden} {
		for _, g := range asked {
			if errors.Is(g.err, err) {
				return g
			}
		}
	}
	return asked[0]
}
