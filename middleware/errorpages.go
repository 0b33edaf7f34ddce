package middleware

import (
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/internal/page"
)

// The pages of ServeError.

// showsPage reports whether a browser shows the answer to r as a page of its own. A tool
// like curl, which accepts anything, gets a line of text, and so does a frame: what a page
// offers is not for a frame, and its policy forbids one.
func (a *Auth) showsPage(r *http.Request) bool {
	return !isFramed(r) && page.NamesHTML(r, a.cfg.Bearer) && a.navigates(r)
}

// serveForbidden answers a signed-in user who may not see the route.
func (a *Auth) serveForbidden(w http.ResponseWriter, r *http.Request) {
	if !a.showsPage(r) {
		a.serveStatus(w, r, http.StatusForbidden)
		return
	}
	actions := a.homeAction(r, true)
	if a.hasRoutes() {
		actions = slices.Concat(actions, []PageAction{a.switchAction(a.returnPathOf(r)), a.signOutAction()})
	} else {
		actions = append(actions, a.signInPageAction(r))
	}
	a.servePage(w, r, Page{
		Kind: PageForbidden, Status: http.StatusForbidden,
		Title:   "You may not see this page",
		Text:    "You are signed in, and this page is for other users.",
		Actions: actions,
	})
}

// serveUnavailable answers while it cannot be told whether the user is signed in. An old
// session may be the reason, so that a sign-in is a way out.
func (a *Auth) serveUnavailable(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", retryAfter)
	if !a.showsPage(r) {
		a.serveStatus(w, r, http.StatusServiceUnavailable)
		return
	}
	text := "The sign-in service cannot be reached just now, so this site cannot tell whether you are signed in. You have not been signed out."
	if r.Method == http.MethodPost {
		text += " What you have sent was not accepted. Please go back and send it again."
	}
	signIn := a.signInPageAction(r)
	if a.hasRoutes() {
		signIn = a.signInAction(a.returnPathOf(r))
	}
	a.servePage(w, r, Page{
		Kind: PageUnavailable, Status: http.StatusServiceUnavailable,
		Title:   "Please try again in a moment",
		Text:    text,
		Actions: slices.Concat(a.retryAction(r), a.homeAction(r, false), []PageAction{signIn}),
	})
}

// serveFault answers for an error that is no refusal.
func (a *Auth) serveFault(w http.ResponseWriter, r *http.Request) {
	if !a.showsPage(r) {
		a.serveStatus(w, r, http.StatusInternalServerError)
		return
	}
	a.servePage(w, r, Page{
		Kind: PageError, Status: http.StatusInternalServerError,
		Title:   "Something is wrong with this site",
		Text:    "Please try again later.",
		Actions: append(a.retryAction(r), a.homeAction(r, false)...),
	})
}

// signInPageAction leads to a sign-in page that is none of Routes'.
func (a *Auth) signInPageAction(r *http.Request) PageAction {
	to := a.cfg.SignIn
	if r.Method != http.MethodPost {
		to = a.signInURL(r)
	}
	return PageAction{Kind: ActionSignIn, Text: "Sign-in page", URL: asciiURL(to)}
}

// returnPathOf returns the return path of a sign-in that leads back to the page.
func (a *Auth) returnPathOf(r *http.Request) string {
	if r.Method == http.MethodPost {
		return "" // the path may be none that answers a GET
	}
	return a.pageTarget(r)
}
