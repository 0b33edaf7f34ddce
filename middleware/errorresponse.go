package middleware

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// retryAfter is how many seconds a client waits after a 503.
const retryAfter = "5"

// refuse has the ErrorHandler answer a request that a guard refuses.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, err error) {
	cookie.NoStore(w.Header())
	a.cfg.ErrorHandler(w, r, err)
}

// ServeError is the default ErrorHandler. It shows the cause only with Config.ReasonHeader.
//
// A signed-out user is sent to the sign-in page: a page by 307, as Next.js does, and a
// form's POST by 303. A request that is no navigation of a browser gets 401 with
// "WWW-Authenticate: Bearer"; htmx gets HX-Redirect too. With Config.Bearer the header says
// what is wrong with a token, which scopes the guard asks for, and where the metadata of
// the resource is (RFC 6750 §3, RFC 9728 §5.1). A 403 for want of scopes has the header too.
//
// A redirect that would lead back to itself is never sent. A page says what is wrong if
// the sign-in page is guarded, or its path has another slash at its end; if a user has
// signed in twice within a minute through Routes and still has no session; and after
// several redirects of one page within a minute that have changed nothing.
//
// Sec-Fetch-Mode tells a navigation. Without it, a navigation is a GET or HEAD whose
// Accept names text/html, is "*/*" or is absent, or a form's POST, unless another header
// speaks for a script. A prefetch never is one, nor, with Config.Bearer, is a request
// with a bearer token. docs/navigation.md has all rules, and a list of clients.
//
// A signed-in user who has to sign in again is sent to do so, and a script gets 401 with
// insufficient_user_authentication (RFC 9470): [ErrNotRecent], and session.ErrNotFresh.
//
// [ErrForbidden] is 403, and tokens.ErrUnavailable is 503 with Retry-After. A browser
// shows a [Page] with a way out. A script gets a problem document (RFC 9457), and a frame,
// or a tool that does not name text/html, a line of text.
func (a *Auth) ServeError(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	cookie.NoStore(h)
	if a.cfg.ReasonHeader && h.Get(reasonHeader) == "" { // the caller is no guard of ours
		a.setReasonOf(h, r, err)
	}
	switch {
	case errors.Is(err, ErrForbidden):
		a.setScopeChallenge(h, r, err)
		a.serveForbidden(w, r)
	case errors.Is(err, tokens.ErrUnavailable):
		a.serveUnavailable(w, r)
	case wantsNewSignIn(err):
		a.serveNewSignIn(w, r, err)
	case !errors.Is(err, session.ErrSignedOut):
		a.serveFault(w, r)
	default:
		a.serveSignedOut(w, r, err)
	}
}

// serveSignedOut answers a request without a session.
func (a *Auth) serveSignedOut(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	switch {
	case a.isPage(r):
		if !a.serveInsteadOfLoop(w, r) {
			h["Location"] = []string{a.signInURL(r)}
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	case a.navigates(r):
		h.Set("Location", a.signInHome)
		w.WriteHeader(http.StatusSeeOther)
	default:
		a.setHTMXRedirect(h, r, a.signInHome)
		h.Set("WWW-Authenticate", a.challenge(r, err))
		a.serveStatus(w, r, http.StatusUnauthorized)
	}
}

// setHTMXRedirect has htmx navigate to a link. Other scripts do not read the header.
func (a *Auth) setHTMXRedirect(h http.Header, r *http.Request, link string) {
	if page.IsHTMX(r) && !page.IsPrefetch(r) {
		h.Set("HX-Redirect", asciiURL(link))
	}
}

// serveStatus answers with a status and its usual text. A navigation gets plain text,
// a program a problem document (RFC 9457).
func (a *Auth) serveStatus(w http.ResponseWriter, r *http.Request, status int) {
	text := http.StatusText(status)
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if a.navigates(r) {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		text += "\n"
	} else {
		h.Set("Content-Type", "application/problem+json")
		text = `{"type":"about:blank","title":"` + text + `","status":` + strconv.Itoa(status) + "}\n"
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		io.WriteString(w, text)
	}
}
