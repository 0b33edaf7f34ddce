package middleware

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/session"
)

// A redirect to the sign-in page must not lead back to itself. A page says what is wrong
// instead: at once where the path shows it, and otherwise when the browser has come back
// several times.

// loopLogs allow one line a minute of each kind.
type loopLogs struct{ nearExempt, guarded, repeated rate.Sometimes }

func newLoopLogs() *loopLogs {
	l := new(loopLogs)
	l.nearExempt.Interval, l.guarded.Interval, l.repeated.Interval = time.Minute, time.Minute, time.Minute
	return l
}

// serveInsteadOfLoop answers a page request with a page if the redirect to the sign-in
// page would lead back, and reports whether it did.
func (a *Auth) serveInsteadOfLoop(w http.ResponseWriter, r *http.Request) bool {
	reason, redirected := a.loopReason(r)
	switch reason {
	case ReasonOtherSlash:
		a.loopLogs.nearExempt.Do(func() {
			a.logLoop(r, slog.LevelError, "a redirect to the sign-in page would lead back: the path is let through with another slash at its end only")
		})
		a.serveNearExemptPage(w, r)
	case ReasonSignInGuarded:
		a.loopLogs.guarded.Do(func() {
			a.logLoop(r, slog.LevelError, "a redirect to the sign-in page would lead back: the sign-in page is guarded, or BasePath is missing")
		})
		a.serveGuardedSignInPage(w, r)
	case ReasonSignInLoop:
		a.serveLoopPage(w, r)
	case ReasonRedirectLoop:
		a.loopLogs.repeated.Do(func() {
			a.logLoop(r, slog.LevelWarn, "a browser was redirected to the sign-in page again and again")
		})
		a.serveRepeatedRedirectPage(w, r)
	default:
		a.countRedirect(w, redirected)
		return false
	}
	return true
}

// loopReason returns why the redirect of a page request to the sign-in page would lead
// back, or "" and the redirects so far.
func (a *Auth) loopReason(r *http.Request) (session.Reason, redirects) {
	switch {
	case isPlain(r.URL) && a.isNearExempt(r.URL.Path):
		return ReasonOtherSlash, redirects{}
	case a.isSignInPath(r):
		return ReasonSignInGuarded, redirects{}
	case a.isSignInLoop(r):
		return ReasonSignInLoop, redirects{}
	}
	redirected := a.redirectsOf(r)
	if redirected.areTooMany() {
		return ReasonRedirectLoop, redirected
	}
	return "", redirected
}

func (a *Auth) logLoop(r *http.Request, level slog.Level, message string) {
	asked := r.URL.Path[:min(len(r.URL.Path), 256)]
	a.cfg.Logger.Log(r.Context(), level, "cognitogate: "+message, "path", asked, "SignIn", a.cfg.SignIn, "BasePath", a.cfg.BasePath)
}

// isSignInPath reports whether the path of a refused request is where signed-out users are
// sent, or that of a route. A guard like Require stands around it then, or this server
// and browsers see different paths.
func (a *Auth) isSignInPath(r *http.Request) bool {
	target, ok := a.browserTarget(r)
	if !ok {
		return false
	}
	p, _, _ := strings.Cut(target, "?")
	return a.isRoute(p) || a.signIn.Host == "" && isSameButSlash(p, a.signIn.EscapedPath())
}

// serveGuardedSignInPage names the cures for a request for which isSignInPath is true.
func (a *Auth) serveGuardedSignInPage(w http.ResponseWriter, r *http.Request) {
	a.servePage(w, r, Page{
		Kind: PageSignInGuarded, Status: http.StatusBadRequest,
		Title: "The sign-in page cannot be shown",
		Text:  "You are not signed in, and the page where you would sign in is itself for signed-in users only.",
		Causes: []string{
			"A guard such as Require may stand around the sign-in page, or around Routes. The operator has to mount these outside of it.",
			"A proxy or http.StripPrefix may change the path. The operator has to say so with Config.BasePath, and to write SignIn and RoutesPath as browsers see them.",
		},
		Actions: a.homeAction(r, false),
	})
}

// A browser may come back from the sign-in page without a session, again and again. The
// sign-in page may believe in a session that this server refuses or does not see. A proxy
// may change the path, so that the sign-in page is one of the guarded pages here. The
// redirect marker is a cookie that counts redirects. It has an entry for each of the
// latest pages and tokens: a digit, and the start of a digest.
const (
	redirectMarkerLifetime = time.Minute
	maxMarkerEntries       = 4
	markerDigestLength     = 11 // of eight bytes in base64
	markerEntryLength      = 1 + markerDigestLength

	// With tokens, two redirects have changed nothing. Without, a user may reload a page,
	// or a browser restore several tabs of it.
	maxRedirectsWithTokens = 2
	maxRedirects           = 8
)

// redirects are how often the browser was redirected from a page with the same tokens
// within a minute.
type redirects struct {
	digest       [markerDigestLength]byte // of the page and the tokens
	count, limit int
	others       []string // entries of the marker
}

func (n redirects) areTooMany() bool { return n.count >= n.limit }

// redirectsOf reads the redirects from the page and with the tokens of a request.
func (a *Auth) redirectsOf(r *http.Request) redirects {
	tokens, n := a.sessions.CookieDigest(r), redirects{limit: maxRedirects}
	if tokens != "" {
		n.limit = maxRedirectsWithTokens
	}
	var buffer [256]byte
	sum := sha256.Sum256(a.appendPage(append(append(buffer[:0], tokens...), ' '), r.URL))
	base64.RawURLEncoding.Encode(n.digest[:], sum[:8])
	for _, entry := range markerEntries(r, a.redirectMarker) {
		if entry[1:] == string(n.digest[:]) {
			n.count = max(n.count, int(entry[0]-'0'))
		} else {
			n.others = append(n.others, entry)
		}
	}
	return n
}

// countRedirect counts another redirect in the marker.
func (a *Auth) countRedirect(w http.ResponseWriter, n redirects) {
	value := append(make([]byte, 0, maxMarkerEntries*(markerEntryLength+1)), byte('1'+n.count))
	value = append(value, n.digest[:]...)
	for _, entry := range n.others[:min(len(n.others), maxMarkerEntries-1)] {
		value = append(append(value, '.'), entry...)
	}
	a.setHostCookie(w, a.redirectMarker, string(value), redirectMarkerLifetime, cmp.Or(a.cfg.Cookies.SameSite, http.SameSiteLaxMode))
}

// appendPage appends what tells pages apart: the path, and the query without the return
// path, which grows at every turn of some loops.
func (a *Auth) appendPage(b []byte, u *url.URL) []byte {
	b = append(b, u.Path[:min(len(u.Path), maxPath)]...)
	if u.RawQuery == "" || len(u.RawQuery) > maxReturnPath {
		return b
	}
	query := u.RawQuery
	if strings.Contains(query, a.cfg.ReturnParam) || strings.Contains(query, "%") { // else it has no return path
		values := u.Query()
		values.Del(a.cfg.ReturnParam)
		query = values.Encode()
	}
	return append(append(b, '?'), query...)
}

// markerEntries returns the entries of the redirect marker in a request.
func markerEntries(r *http.Request, markerName string) (entries []string) {
	for _, h := range r.Header["Cookie"] {
		for name, value, rest := cookie.NextOf(h, markerName); name != ""; name, value, rest = cookie.NextOf(rest, markerName) {
			if name != markerName || len(value) > maxMarkerEntries*(markerEntryLength+1) {
				continue
			}
			entries = append(entries, strings.Split(value, ".")...)
		}
	}
	return slices.DeleteFunc(entries, func(entry string) bool {
		return len(entry) != markerEntryLength || entry[0] < '1' || entry[0] > '9'
	})
}

func (a *Auth) serveRepeatedRedirectPage(w http.ResponseWriter, r *http.Request) {
	a.servePage(w, r, Page{
		Kind: PageRedirectLoop, Status: http.StatusBadRequest,
		Title: "You are not signed in",
		Text:  "This page has sent you to the sign-in page several times, and you have come back without a session that this site accepts.",
		Causes: []string{
			"The sign-in page may take you for signed in already. The operator has to configure Amplify with ssr: true, so that its session is in cookies, and with the domain of this site.",
			"A proxy may change the path. The operator has to say so with Config.BasePath, and to write SignIn and RoutesPath as browsers see them.",
		},
		Actions: append([]PageAction{{Kind: ActionSignIn, Text: "Sign in again", URL: asciiURL(a.signInURL(r))}}, a.homeAction(r, false)...),
	})
}
