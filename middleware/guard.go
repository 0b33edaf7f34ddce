package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// ErrForbidden reports that a signed-in user may not see the route.
var ErrForbidden = errors.New("cognitogate: forbidden")

// Protect guards the paths that the matcher selects. A request without a session is
// sent to the sign-in page or refused. Every other path is left alone, and has no
// session in its context; use [Auth.Load] for that.
//
// Mount it outside the router, or with Use on the outermost one. Protect judges
// every form of the path that a router, or a server behind it, could act on: decoded
// again, with "/" for "\", without empty segments, ended at "?", "#" and ";". It guards
// a path on which programs do not agree: one that begins with two slashes or has a dot
// segment, a control character, or more forms than it judges.
//
// In a mounted router of chi, Protect judges the whole path, and what that router
// routes. Patterns with a negative lookaround, such as /((?!app/public).*), are asked
// about the whole path only. If another middleware has changed the parameters of the
// route, the whole path cannot be told, and Protect guards it. In a router behind
// http.StripPrefix that is below one of chi, it judges the path with the prefix too.
//
// Protect cannot see a middleware behind it that gives the router another path, such
// as chi's PathRewrite, or URLFormat. Put those before Protect, or put [Auth.Require]
// on the routes. Use Require also for handlers that take /ADMIN for /admin, as chi's
// PageRoute and some file systems do: to the matcher, as in Next.js, they are two
// paths.
func (a *Auth) Protect(next http.Handler) http.Handler {
	return &guard{auth: a, next: next, kind: kindProtect}
}

// Require guards everything behind it, whatever the matcher says.
func (a *Auth) Require(next http.Handler) http.Handler {
	return &guard{auth: a, next: next, kind: kindRequire}
}

// Load puts the session into the context if there is one, and lets everybody through:
// it is for public pages that greet their users. It refreshes the session like Protect.
// During an outage a request may have no session although its user is signed in. Only
// a prefetch whose session needs a refresh gets 401; the browser asks again when the
// user does.
func (a *Auth) Load(next http.Handler) http.Handler {
	return &guard{auth: a, next: next, kind: kindLoad}
}

// RequireGroup is Require for users who are in at least one of the groups. Others
// get 403, never the sign-in page. It panics without an argument.
func (a *Auth) RequireGroup(anyOf ...string) func(http.Handler) http.Handler {
	if len(anyOf) == 0 || slices.Contains(anyOf, "") {
		panic("cognitogate: RequireGroup needs the name of a group")
	}
	anyOf = slices.Clone(anyOf)
	return a.requireAllowed(ReasonGroup, "group "+strings.Join(anyOf, " or "), func(_ *http.Request, s *session.Session) bool {
		return s.InGroup(anyOf...)
	})
}

// RequireScope is Require for access tokens that have all of the scopes. Others get
// 403. It panics without an argument.
//
// With Config.Bearer it also lets programs pass, whose tokens name no user (the client
// credentials grant, RFC 6749 §4.4). Except for RequireMachine, other guards answer 403 to
// a program, so mount RequireScope on a path that Protect does not select.
func (a *Auth) RequireScope(allOf ...string) func(http.Handler) http.Handler {
	if len(allOf) == 0 || slices.Contains(allOf, "") {
		panic("cognitogate: RequireScope needs a scope")
	}
	allOf = slices.Clone(allOf)
	return func(next http.Handler) http.Handler {
		return &guard{
			auth: a, next: next, kind: kindRequire, reason: ReasonScope, what: "scope " + strings.Join(allOf, " and "), allowMachine: true, scopes: allOf,
			allow: func(_ *http.Request, s *session.Session) bool { return s.HasScope(allOf...) },
		}
	}
}

// RequireFunc is Require for sessions for which allow returns true. Others get 403.
// allow must decide by the session's tokens, which are verified, and not by its
// User.UnverifiedLoginID. RequireFunc panics if allow is nil.
func (a *Auth) RequireFunc(allow func(*http.Request, *session.Session) bool) func(http.Handler) http.Handler {
	if allow == nil {
		panic("cognitogate: RequireFunc needs a function")
	}
	return a.requireAllowed(ReasonFunc, "a function", allow)
}

func (a *Auth) requireAllowed(reason session.Reason, what string, allow func(*http.Request, *session.Session) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return &guard{auth: a, next: next, kind: kindRequire, reason: reason, what: what, allow: allow}
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
	what  string                                     // what allow asks for, for Audit
	allow func(*http.Request, *session.Session) bool // nil allows every signed-in user

	reason       session.Reason // of a request that allow does not allow
	allowMachine bool           // ask allow about a program too
	onlyMachine  bool           // let a program alone pass
	scopes       []string       // that a client is told to ask for

	options *session.FetchOptions // of Fresh; nil is allowMachine
	recent  time.Duration         // the greatest age of the sign-in; 0 is none
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := g.newDecider(r)
	if d.request == nil {
		g.serve(w, r, d)
		return
	}
	defer func() { d.end(r) }()
	g.serve(w, r, d)
}

func (g *guard) serve(w http.ResponseWriter, r *http.Request, d decider) {
	a := g.auth
	if g.kind == kindProtect && !a.protects(r) {
		d.tell(r, r, DecisionPublic, nil, nil)
		g.servePublic(w, r, &d)
		return
	}
	if g.kind != kindLoad && a.isPreflight(r) {
		g.servePreflight(w, r, &d)
		return
	}
	outer := r
	w, answer := a.guardWriter(w, r)
	defer func() {
		answer.finish() // for a handler that writes nothing, or panics
		noteBack(outer, r)
	}()
	s, err := g.fetch(answer, r)
	r = g.forHandler(&d, answer, r, s)
	if err == nil && g.allow != nil && !g.allow(r, s) {
		err = ErrForbidden
	}
	switch {
	case err == nil:
		d.tell(outer, r, DecisionPassed, s, nil)
	case g.kind == kindLoad && !isStalePrefetch(r, err):
		answer.values.AddVary(answer.Header())
		d.tell(outer, r, DecisionAnonymous, nil, err)
		g.logRefusal(outer, r, DecisionAnonymous, err)
	default:
		g.refuse(w, answer, outer, r, &d, s, err)
		return
	}
	g.next.ServeHTTP(w, r)
}

// forHandler returns the request for what is behind the guard, with the session, which may
// be nil. The next guard sees the new cookies, so that it does not refresh again.
func (g *guard) forHandler(d *decider, answer *responseWriter, r *http.Request, s *session.Session) *http.Request {
	r = g.auth.withSession(d.contextFor(r), r, s)
	if answer.lines != nil {
		r = g.auth.sessions.ForwardCookies(r, answer.Header())
	}
	return r
}

// refuse answers a request that may not pass because of err. outer is the request as the
// guard got it.
func (g *guard) refuse(w http.ResponseWriter, answer *responseWriter, outer, r *http.Request, d *decider, s *session.Session, err error) {
	a := g.auth
	if d.isHeard() || a.cfg.ReasonHeader || g.logsRefusals(outer) {
		decision := a.refusalDecision(r, err)
		d.tell(outer, r, decision, s, err)
		g.logRefusal(outer, r, decision, err)
		if a.cfg.ReasonHeader {
			setReason(answer.Header(), string(g.reasonOf(outer, r, decision, err)), g.explain(outer, err))
		}
	}
	answer.setCacheControl(cookie.Uncached)
	a.refuse(w, r, g.withScopes(err, s))
}

// servePublic hands on a request that the matcher does not select. Inner guards find the
// context of the hooks, if there are any.
func (g *guard) servePublic(w http.ResponseWriter, r *http.Request, d *decider) {
	ctx := d.contextFor(r)
	if ctx == r.Context() {
		g.next.ServeHTTP(w, r)
		return
	}
	inner := r.WithContext(ctx)
	defer noteBack(r, inner)
	g.next.ServeHTTP(w, inner)
}

// noteBack copies what handlers have noted on a request to the one that the guard was
// given. net/http deletes the files of MultipartForm, and handlers in front of the guard
// read the rest.
func noteBack(outer, inner *http.Request) {
	if outer == inner {
		return
	}
	if inner.MultipartForm != nil {
		outer.MultipartForm = inner.MultipartForm
	}
	if outer.Form == nil {
		outer.Form, outer.PostForm = inner.Form, inner.PostForm
	}
	if inner.Pattern != "" {
		outer.Pattern = inner.Pattern
	}
}

// isStalePrefetch reports whether a prefetch has a session that needs a refresh. Behind
// Load, an anonymous answer would be shown to a signed-in user.
func isStalePrefetch(r *http.Request, err error) bool {
	return errors.Is(err, tokens.Expired) && page.IsPrefetch(r)
}
