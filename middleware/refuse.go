package middleware

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// retryAfter is how many seconds a client waits after a 503.
const retryAfter = "5"

// maxReturn bounds the way back: percent-encoded it is up to three times as long,
// and proxies refuse answers whose header is too large.
const maxReturn = 2048

// refuse answers a request that is not let through.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, err error) {
	unstorable(w.Header())
	a.cfg.ErrorHandler(w, r, err)
}

// noStoreOnly is shared by all answers; it is full, so that whoever appends to it
// copies it.
var noStoreOnly = []string{"no-store"}

// unstorable keeps every cache from an answer that depends on cookies.
func unstorable(h http.Header) {
	h["Cache-Control"] = noStoreOnly[:1:1]
	cookie.Vary(h)
}

// ServeError is the default ErrorHandler. Whoever is signed out is sent to the
// sign-in page: a page by 307, as Next.js does, another navigation such as a form
// by 303; a request that is not a browser's navigation gets 401 with
// "WWW-Authenticate: Bearer", and htmx 401 with HX-Redirect. Who has just signed in
// twice through Routes and has no session gets a page that says why. [ErrForbidden] is 403,
// tokens.ErrUnavailable 503 with Retry-After. The cause is never shown.
func (a *Auth) ServeError(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	unstorable(h)
	switch {
	case errors.Is(err, ErrForbidden):
		problem(w, r, http.StatusForbidden)
	case errors.Is(err, tokens.ErrUnavailable):
		h.Set("Retry-After", retryAfter)
		problem(w, r, http.StatusServiceUnavailable)
	case !errors.Is(err, session.ErrSignedOut):
		problem(w, r, http.StatusInternalServerError)
	case page.Is(r) && a.looping(r):
		a.serveLoop(w, r)
	case page.Is(r):
		h.Set("Location", a.signInURL(r))
		w.WriteHeader(http.StatusTemporaryRedirect)
	case page.Navigation(r):
		h.Set("Location", a.cfg.SignIn)
		w.WriteHeader(http.StatusSeeOther)
	default:
		if r.Header.Get("HX-Request") != "" {
			h.Set("HX-Redirect", a.cfg.SignIn)
		}
		h.Set("WWW-Authenticate", "Bearer")
		problem(w, r, http.StatusUnauthorized)
	}
}

// signInURL is the sign-in page with the way back: the target as the browser
// sent it, which a StripPrefix or a router may have changed in r.URL. It is never
// built from Host, which the client chooses.
func (a *Auth) signInURL(r *http.Request) string {
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI()
	}
	if a.signInTo == "" || len(target) > maxReturn || !isLocal(target) {
		return a.cfg.SignIn
	}
	if a.signIn.Host != "" {
		target = a.cfg.Origin + target // the sign-in page is on another site
	}
	return a.signInTo + url.QueryEscape(target)
}

// ReturnTo returns where to send a user who has just signed in: the path that
// ReturnParam holds, in the query or in a form that has been parsed, if it is one
// of this site, and otherwise AfterSignIn. It never names another site, so it may
// be redirected to.
func (a *Auth) ReturnTo(r *http.Request) string {
	if a.cfg.ReturnParam == "-" {
		return a.cfg.AfterSignIn
	}
	values := r.Form
	if values == nil {
		values = r.URL.Query()
	}
	to := values.Get(a.cfg.ReturnParam)
	if len(to) > maxReturn || !isLocal(to) {
		return a.cfg.AfterSignIn
	}
	return to
}

// problem answers with a status and its usual text: to a page as text, to a
// program as a problem document (RFC 9457).
func problem(w http.ResponseWriter, r *http.Request, status int) {
	text := http.StatusText(status)
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if page.Navigation(r) {
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
