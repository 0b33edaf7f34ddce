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

// ServeError is the default ErrorHandler. It never shows the cause.
//
// A signed-out user is sent to the sign-in page: a page by 307, as Next.js does, and
// another navigation, such as a form's POST, by 303. A request that is no navigation
// of a browser gets 401 with "WWW-Authenticate: Bearer"; htmx gets HX-Redirect too.
// If a user has signed in twice within a minute through Routes and still has no
// session, a page says why. Another page names the cure if the path differs from the
// sign-in page's by a slash at the end.
//
// [ErrForbidden] is 403, and tokens.ErrUnavailable is 503 with Retry-After.
func (a *Auth) ServeError(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	cookie.NoStore(h)
	switch {
	case errors.Is(err, ErrForbidden):
		serveStatus(w, r, http.StatusForbidden)
	case errors.Is(err, tokens.ErrUnavailable):
		h.Set("Retry-After", retryAfter)
		serveStatus(w, r, http.StatusServiceUnavailable)
	case !errors.Is(err, session.ErrSignedOut):
		serveStatus(w, r, http.StatusInternalServerError)
	case page.Is(r) && a.isNearExempt(r.URL.Path):
		a.serveNearExemptPage(w, r)
	case page.Is(r) && a.isSignInLoop(r):
		a.serveLoopPage(w, r)
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
		serveStatus(w, r, http.StatusUnauthorized)
	}
}

// serveStatus answers with a status and its usual text. A navigation gets plain text,
// a program a problem document (RFC 9457).
func serveStatus(w http.ResponseWriter, r *http.Request, status int) {
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
