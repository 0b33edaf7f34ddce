package middleware

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// A redirect to the sign-in page must not lead back to itself. A page says what is
// wrong instead.

// serveInsteadOfLoop answers a page request with a page if the redirect to the sign-in
// page would lead back, and reports whether it did.
func (a *Auth) serveInsteadOfLoop(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case isPlain(r.URL) && a.isNearExempt(r.URL.Path):
		a.logLoop(r, "a path is let through with another slash at its end only")
		a.serveNearExemptPage(w, r)
	case a.isSignInPath(r):
		a.logLoop(r, "the sign-in page is guarded, or BasePath is missing")
		a.serveGuardedSignInPage(w, r)
	case a.isSignInLoop(r):
		a.serveLoopPage(w, r)
	case a.isRepeatedRedirect(w, r):
		a.serveHTMLPage(w, r, http.StatusBadRequest, htmlPage{
			Title: "You are not signed in",
			Text:  "This page has sent you to the sign-in page twice, and each time you have come back without a new sign-in.",
			Again: a.signInURL(r),
		})
	default:
		return false
	}
	return true
}

// logLoop logs a mistake of the configuration that a request has shown.
func (a *Auth) logLoop(r *http.Request, what string) {
	a.loopLogged.Do(func() {
		a.cfg.Logger.Error("cognitogate: a redirect to the sign-in page would lead back: "+what, "path", r.URL.Path, "SignIn", a.cfg.SignIn, "BasePath", a.cfg.BasePath)
	})
}

// isSignInPath reports whether the path of a refused request is where signed-out users are
// sent, or that of a route. A guard like Require stands around it then, or this server
// and browsers see different paths.
func (a *Auth) isSignInPath(r *http.Request) bool {
	target, ok := a.browserTarget(r)
	if !ok {
		return false
	}
	p, query, _ := strings.Cut(target, "?")
	if a.routes != nil {
		dir, slug := path.Split(strings.TrimSuffix(p, "/"))
		if _, ok := routeHandlers[slug]; ok && dir == a.cfg.RoutesPath+"/" {
			return true
		}
	}
	signIn := a.signIn.Path
	if a.signIn.Host == "" && (p == signIn || p == otherSlash(signIn)) {
		return true
	}
	// A proxy that takes a prefix off, or adds one, hides that this is the sign-in page. The
	// redirect to it has come back if the return path is this very path.
	values, err := url.ParseQuery(query)
	if err != nil || signIn == "" || !strings.HasSuffix(signIn, p) && !strings.HasSuffix(p, signIn) {
		return false
	}
	to, err := url.Parse(values.Get(a.cfg.ReturnParam))
	return err == nil && to.EscapedPath() == p
}

// serveGuardedSignInPage names the cures for a request for which isSignInPath is true.
func (a *Auth) serveGuardedSignInPage(w http.ResponseWriter, r *http.Request) {
	a.serveHTMLPage(w, r, http.StatusBadRequest, htmlPage{
		Title: "The sign-in page cannot be shown",
		Text:  "You are not signed in, and the page where you would sign in is itself for signed-in users only.",
		Causes: []string{
			"A guard such as Require may stand around the sign-in page, or around Routes. The operator has to mount these outside of it.",
			"A proxy or http.StripPrefix may change the path. The operator has to say so with Config.BasePath, and to write SignIn and RoutesPath as browsers see them.",
		},
	})
}

// A browser may hold a session that this server refuses and does not delete, because
// another program may have renewed it. The sign-in page, which verifies nothing, may
// believe in that session and send the browser back at once. The redirect marker is a
// cookie that counts such redirects: "1" or "2", followed by a digest of the path and of
// the tokens.

const redirectMarkerLifetime = time.Minute

// isRepeatedRedirect reports whether the browser has been redirected twice within a
// minute from this path with these tokens. Otherwise it counts this redirect, if the
// answer leaves tokens in the browser.
func (a *Auth) isRepeatedRedirect(w http.ResponseWriter, r *http.Request) bool {
	tokens := a.sessions.CookieDigest(r)
	if tokens == "" || a.sessions.SetsCookies(w.Header()) {
		return false
	}
	sum := sha256.Sum256([]byte(tokens + " " + r.URL.Path))
	digest := base64.RawURLEncoding.EncodeToString(sum[:16])
	name, count := a.hostCookieName("redirected"), "1"
	for _, h := range r.Header["Cookie"] {
		for n, value, rest := cookie.NextOf(h, name); n != ""; n, value, rest = cookie.NextOf(rest, name) {
			switch {
			case n != name:
			case value == "2."+digest:
				return true
			case value == "1."+digest:
				count = "2"
			}
		}
	}
	a.setHostCookie(w, name, count+"."+digest, redirectMarkerLifetime, a.hostCookieSameSite())
	return false
}
