package middleware

import (
	"net/http"
	"slices"
)

// The pages of a sign-in that has not come to its end. returnPath is where the user wanted
// to go, or "" if that is not known.

// serveLostPage answers a callback whose flow this browser does not hold.
func (a *Auth) serveLostPage(w http.ResponseWriter, r *http.Request) {
	a.servePage(w, r, Page{
		Kind: PageSignInLost, Status: http.StatusBadRequest,
		Title:   "This sign-in cannot go on",
		Text:    "It has taken longer than an hour, was finished in another tab, or this browser does not keep cookies for this site.",
		Actions: append([]PageAction{a.signInAction("")}, a.homeAction(r, false)...),
	})
}

// serveLoginErrorPage shows what the managed login says about a sign-in that the user has
// cancelled, that it has refused, or that was not to ask the user. The next one may need another account.
func (a *Auth) serveLoginErrorPage(w http.ResponseWriter, r *http.Request, kind PageKind, detail, returnPath string) {
	text := "The sign-in was refused."
	switch kind {
	case PageSignInCancelled:
		text = "The sign-in was cancelled."
	case PageSignInRequired: // a redirect would ask a user whom nobody wants to ask
		text = "The page is for signed-in users only."
	}
	a.servePage(w, r, Page{
		Kind: kind, Status: http.StatusBadRequest,
		Title:   "You are not signed in",
		Text:    text,
		Detail:  detail,
		Actions: append([]PageAction{a.signInAction(returnPath), a.switchAction(returnPath)}, a.homeAction(r, false)...),
	})
}

// serveTurnedAwayPage is for a user whom Hooks.SignedIn has refused. The managed login
// knows the user, and signs nobody else in before it has asked or signed the user out.
func (a *Auth) serveTurnedAwayPage(w http.ResponseWriter, r *http.Request, returnPath string) {
	a.servePage(w, r, Page{
		Kind: PageSignInRefused, Status: http.StatusForbidden,
		Title:   "You are not signed in",
		Text:    "This account may not sign in to this site.",
		Actions: slices.Concat([]PageAction{a.switchAction(returnPath), a.signOutAction()}, a.homeAction(r, false)),
	})
}

func (a *Auth) serveFailedPage(w http.ResponseWriter, r *http.Request, status int, returnPath string) {
	a.servePage(w, r, Page{
		Kind: PageSignInFailed, Status: status,
		Title:   "You are not signed in",
		Text:    "The sign-in could not be finished.",
		Actions: append([]PageAction{a.signInAction(returnPath)}, a.homeAction(r, false)...),
	})
}

// serveMisconfiguredPage offers no sign-in, which could only fail again.
func (a *Auth) serveMisconfiguredPage(w http.ResponseWriter, r *http.Request) {
	a.servePage(w, r, Page{
		Kind: PageError, Status: http.StatusInternalServerError,
		Title:   "You are not signed in",
		Text:    "Nobody can sign in to this site just now. Its operator has to change its configuration, and has been told.",
		Actions: a.homeAction(r, false),
	})
}

func (a *Auth) serveSignInUnavailablePage(w http.ResponseWriter, r *http.Request, returnPath string) {
	w.Header().Set("Retry-After", retryAfter)
	a.servePage(w, r, Page{
		Kind: PageSignInUnavailable, Status: http.StatusServiceUnavailable,
		Title:   "You are not signed in",
		Text:    "The sign-in service cannot be reached just now. Nothing is lost; please try again in a moment.",
		Actions: append([]PageAction{a.signInAction(returnPath)}, a.homeAction(r, false)...),
	})
}

// serveSignedInPage begins a navigation of this site. A redirect would belong to the
// navigation from the login's site, on which browsers send no Strict cookies.
func (a *Auth) serveSignedInPage(w http.ResponseWriter, r *http.Request, returnPath string) {
	to := asciiURL(returnPath)
	a.servePage(w, r, Page{
		Kind: PageSignedIn, Status: http.StatusOK,
		Title: "You are signed in", Continue: to,
		Actions: []PageAction{{Kind: ActionContinue, Text: "Continue", URL: to}},
	})
}

// serveSignOutPage asks whether to sign out.
func (a *Auth) serveSignOutPage(w http.ResponseWriter, r *http.Request) {
	a.servePage(w, r, Page{
		Kind: PageSignOut, Status: http.StatusOK, Title: "Sign out?",
		Actions: append([]PageAction{a.signOutAction()}, a.homeAction(r, true)...),
	})
}
