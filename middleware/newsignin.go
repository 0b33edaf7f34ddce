package middleware

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// A user who is signed in may have to sign in again: the sign-in route has the parameter
// recent then. The managed login is told to ask (prompt=login), because it has no max_age.
// The flow notes who has to sign in.

// recentParam is the parameter of the sign-in route that says how old the user's sign-in
// may be, in seconds.
const recentParam = "recent"

// maxRecentSeconds bounds recentParam: all flows are much younger.
const maxRecentSeconds = 1 << 30

var (
	errOtherUser   = errors.New("cognitogate: another user has signed in than the one who had to")
	errNotSignedIn = errors.New("cognitogate: the managed login has not asked the user to sign in, or a clock is wrong")
)

// parseRecent returns the value of recentParam, or 0 for an absent one. ok is false if it
// is no number of seconds.
func parseRecent(q url.Values) (seconds int, ok bool) {
	values := q[recentParam]
	if len(values) == 0 {
		return 0, true
	}
	seconds, err := strconv.Atoi(values[0])
	return seconds, err == nil && len(values) == 1 && seconds > 0 && seconds <= maxRecentSeconds
}

// isNewSignIn reports whether a user has to sign in although the managed login may know
// who it is.
func (f *flow) isNewSignIn() bool { return f.Recent > 0 }

// askAnew makes a flow one of a user who has to sign in again. s is the user's session, or
// nil if it is over meanwhile. It returns the parameters for the managed login.
func (f *flow) askAnew(s *session.Session, seconds int, q url.Values) url.Values {
	f.Recent, f.Subject = seconds, s.User().ID
	q.Set("prompt", "login")
	return q
}

// checkNewSignIn checks that the flow's user has signed in, and has done so for the flow.
func (a *Auth) checkNewSignIn(f *flow, s *session.Session) error {
	if !f.isNewSignIn() {
		return nil
	}
	if f.Subject != "" && s.User().ID != f.Subject {
		return errOtherUser
	}
	earliest := time.UnixMilli(f.StartedAt).Add(-authTimeLeeway)
	maxAge := a.cfg.Now().Sub(earliest)
	if !a.isRecent(s, maxAge) {
		return errNotSignedIn
	}
	return nil
}

// recentSuffix ends the sign-in marker after a new sign-in. A page that asks for another
// one within a minute would never be satisfied.
const recentSuffix = ".recent"

func isRecentMarker(marker string) bool { return strings.HasSuffix(marker, recentSuffix) }

// serveNewSignInError answers a callback of a new sign-in that does not count, and reports
// whether it did.
func (a *Auth) serveNewSignInError(w http.ResponseWriter, r *http.Request, f *flow, err error) bool {
	again := a.signInLink(f.ReturnPath)
	if f.Recent > 0 {
		again = addQuery(again, recentParam+"="+strconv.Itoa(f.Recent))
	}
	switch {
	case errors.Is(err, errOtherUser):
		a.serveOtherUserPage(w, r, again)
	case errors.Is(err, errNotSignedIn):
		a.serveNotRecentPage(w, r, again)
	default:
		return false
	}
	return true
}

// serveOtherUserPage is for a user who has signed in where another one had to.
func (a *Auth) serveOtherUserPage(w http.ResponseWriter, r *http.Request, again string) {
	a.servePage(w, r, Page{
		Kind: PageOtherUser, Status: http.StatusForbidden,
		Title: "You have signed in as another user",
		Text:  "The page has asked the user who is signed in here to sign in again. That user is still signed in.",
		Actions: slices.Concat([]PageAction{{Kind: ActionSignIn, Text: "Sign in again", URL: asciiURL(again)}, a.signOutAction()},
			a.homeAction(r, true)),
	})
}

// serveNotRecentPage is for a user who has come back from a new sign-in that does not
// count.
func (a *Auth) serveNotRecentPage(w http.ResponseWriter, r *http.Request, again string) {
	a.servePage(w, r, Page{
		Kind: PageNotRecent, Status: http.StatusForbidden,
		Title: "This page needs a new sign-in",
		Text:  "You are signed in. The page asks you to sign in again, and you have come back without a sign-in that is recent enough.",
		Causes: []string{
			"The sign-in service may have taken you for signed in already. Its operator has to let it ask again (prompt=login).",
			"The clock of this server may be wrong.",
		},
		Actions: append([]PageAction{{Kind: ActionSignIn, Text: "Sign in again", URL: asciiURL(again)}}, a.homeAction(r, true)...),
	})
}

// serveNewSignInCancelledPage is for a user who has cancelled a new sign-in. A redirect to
// the page that asks for it would begin the next one.
func (a *Auth) serveNewSignInCancelledPage(w http.ResponseWriter, r *http.Request, f *flow) {
	again := addQuery(a.signInLink(f.ReturnPath), recentParam+"="+strconv.Itoa(f.Recent))
	a.servePage(w, r, Page{
		Kind: PageSignInCancelled, Status: http.StatusBadRequest,
		Title:   "You have not signed in again",
		Text:    "The sign-in was cancelled. You are signed in as before.",
		Actions: append([]PageAction{{Kind: ActionSignIn, Text: "Sign in again", URL: asciiURL(again)}}, a.homeAction(r, true)...),
	})
}

// addQuery adds parameters to the query of a link.
func addQuery(link, params string) string {
	separator := "?"
	if strings.Contains(link, "?") {
		separator = "&"
	}
	return link + separator + params
}
