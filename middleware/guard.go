package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// ErrForbidden reports that somebody is signed in and may not see the route.
var ErrForbidden = errors.New("cognitogate: forbidden")

// Protect guards the paths that the matcher selects: a request without a session
// is sent to the sign-in page or refused. Every other path is left alone, and has
// no session in its context; use [Auth.Load] for that.
//
// Mount it outside the router, or with Use on the outermost one. It judges every
// form of the path that a router could act on, or a server that requests are handed
// on to: cleaned, decoded twice, with "/" for "\", without what follows a ";". What
// it cannot see is a middleware behind it that gives the router another path
// altogether (chi's PathRewrite, or URLFormat inside the guard): put those before
// Protect, or put [Auth.Require] on the routes. Require is also for what takes
// /ADMIN for /admin, as chi's PageRoute and some file systems do: to the matcher, as
// in Next.js, they are two paths.
func (a *Auth) Protect(next http.Handler) http.Handler {
	return &guard{auth: a, next: next, kind: kindProtect}
}

// Require guards everything behind it, whatever the matcher says.
func (a *Auth) Require(next http.Handler) http.Handler {
	return &guard{auth: a, next: next, kind: kindRequire}
}

// Load puts the session into the context if there is one, refreshing it like
// Protect, and never refuses: for public pages that greet their users. When it
// cannot be told whether somebody is signed in, nobody is.
func (a *Auth) Load(next http.Handler) http.Handler {
	return &guard{auth: a, next: next, kind: kindLoad}
}

// RequireGroup is Require for users who are in at least one of the groups; others
// get 403, never the sign-in page. It panics without an argument.
func (a *Auth) RequireGroup(anyOf ...string) func(http.Handler) http.Handler {
	if len(anyOf) == 0 || slices.Contains(anyOf, "") {
		panic("cognitogate: RequireGroup needs the name of a group")
	}
	anyOf = slices.Clone(anyOf)
	return a.requiring("group "+strings.Join(anyOf, " or "), func(_ *http.Request, s *session.Session) bool {
		return s.InGroup(anyOf...)
	})
}

// RequireScope is Require for access tokens that have all of the scopes; others
// get 403. It panics without an argument.
func (a *Auth) RequireScope(allOf ...string) func(http.Handler) http.Handler {
	if len(allOf) == 0 || slices.Contains(allOf, "") {
		panic("cognitogate: RequireScope needs a scope")
	}
	allOf = slices.Clone(allOf)
	return a.requiring("scope "+strings.Join(allOf, " and "), func(_ *http.Request, s *session.Session) bool {
		return s.HasScope(allOf...)
	})
}

// RequireFunc is Require for sessions that allow lets pass; others get 403. allow
// must decide by what is verified: the session's tokens, not its User.UnverifiedLoginID. It
// panics if allow is nil.
func (a *Auth) RequireFunc(allow func(*http.Request, *session.Session) bool) func(http.Handler) http.Handler {
	if allow == nil {
		panic("cognitogate: RequireFunc needs a function")
	}
	return a.requiring("a function", allow)
}

func (a *Auth) requiring(what string, allow func(*http.Request, *session.Session) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return &guard{auth: a, next: next, kind: kindRequire, what: what, allow: allow}
	}
}

type guardKind int

const (
	kindProtect guardKind = iota
	kindRequire
	kindLoad
)

// guard is the handler that every middleware of Auth returns.
type guard struct {
	auth  *Auth
	next  http.Handler
	kind  guardKind
	what  string                                     // what allow asks for, in words
	allow func(*http.Request, *session.Session) bool // nil allows everybody who is signed in
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := g.auth
	decided := a.stopwatch(r)
	if g.kind == kindProtect && !a.protects(r) {
		decided(DecisionPublic)
		g.next.ServeHTTP(w, r)
		return
	}
	s, err := a.sessions.Fetch(w, r, nil)
	cookie.Vary(w.Header()) // with other cookies the answer would be another
	r = attach(r, s)
	if lines := w.Header()["Set-Cookie"]; a.ours(lines) {
		r = a.forward(r, lines)
		guarded := &privateWriter{ResponseWriter: w, auth: a}
		defer guarded.enforce() // for a handler that writes nothing, or panics
		w = guarded.as()
	}
	if err == nil && g.allow != nil && !g.allow(r, s) {
		err = ErrForbidden
	}
	switch {
	case err == nil:
		decided(DecisionPassed)
	case g.kind == kindLoad:
		decided(DecisionAnonymous)
	default:
		if a.cfg.Hooks.Decided != nil {
			decided(a.decision(r, err))
		}
		a.refuse(w, r, err)
		return
	}
	g.next.ServeHTTP(w, r)
}

// forward returns the request with the cookies that the browser will send next, so
// that what follows does not refresh what has just been refreshed.
func (a *Auth) forward(r *http.Request, lines []string) *http.Request {
	header := cookie.Forward(r.Header["Cookie"], lines, a.prefix)
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	if header != "" {
		r.Header.Set("Cookie", header)
	}
	return r
}

// attach puts the session into the request's context, if there is one and it is not
// there.
func attach(r *http.Request, s *session.Session) *http.Request {
	if s == nil {
		return r
	}
	if outer, ok := session.FromContext(r.Context()); ok && outer == s {
		return r
	}
	return r.WithContext(session.NewContext(r.Context(), s))
}

// ours reports whether one of the Set-Cookie lines is of our sessions.
func (a *Auth) ours(lines []string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, a.prefix) })
}

// stopwatch returns a function that tells the hook of a decision. Without a hook
// no clock is read.
func (a *Auth) stopwatch(r *http.Request) func(Decision) {
	hook := a.cfg.Hooks.Decided
	if hook == nil {
		return func(Decision) {}
	}
	start := a.cfg.Now()
	return func(d Decision) { hook(r.Context(), d, a.cfg.Now().Sub(start)) }
}

func (a *Auth) decision(r *http.Request, err error) Decision {
	switch {
	case errors.Is(err, ErrForbidden):
		return DecisionForbidden
	case errors.Is(err, tokens.ErrUnavailable):
		return DecisionUnavailable
	case page.Navigation(r):
		return DecisionRedirected
	}
	return DecisionRefused
}
