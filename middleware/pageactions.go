package middleware

import (
	"net/http"
	"net/url"
	"strings"
)

// hasRoutes reports whether users sign in and out through Routes.
func (a *Auth) hasRoutes() bool { return a.routes != nil && a.cfg.UserPool.Domain != "" }

// pageTarget returns the path and query of a request's page, for a link to it. It is ""
// if a link would lead elsewhere.
func (a *Auth) pageTarget(r *http.Request) string {
	target, ok := a.browserTarget(r)
	if !ok || len(target) > maxReturnPath || !isLocalPath(target) {
		return ""
	}
	return target
}

// homeAction leads to where users arrive after a sign-in or, if signed out, after a
// sign-out. There is none on the home page itself.
func (a *Auth) homeAction(r *http.Request, signedIn bool) []PageAction {
	home := a.cfg.AfterSignOut
	if signedIn {
		home = a.cfg.AfterSignIn
	}
	if isSamePath(home, a.pageTarget(r)) {
		return nil
	}
	return []PageAction{{Kind: ActionHome, Text: "Home page", URL: asciiURL(home)}}
}

func isSamePath(a, b string) bool {
	a, _, _ = strings.Cut(a, "?")
	b, _, _ = strings.Cut(b, "?")
	return a == b
}

// retryAction loads the page once more. A form cannot be sent again by a link.
func (a *Auth) retryAction(r *http.Request) []PageAction {
	target := a.pageTarget(r)
	if target == "" || r.Method == http.MethodPost {
		return nil
	}
	return []PageAction{{Kind: ActionRetry, Text: "Try again", URL: asciiURL(target)}}
}

// signInAction begins a sign-in through Routes.
func (a *Auth) signInAction(returnPath string) PageAction {
	return PageAction{Kind: ActionSignIn, Text: "Sign in again", URL: a.signInLink(returnPath)}
}

// switchAction begins a sign-in through Routes that asks for the account, although the
// managed login knows the user.
func (a *Auth) switchAction(returnPath string) PageAction {
	return PageAction{Kind: ActionSwitchAccount, Text: "Sign in with another account", URL: addQuery(a.signInLink(returnPath), "prompt=login")}
}

// signOutAction ends the session, here and at the managed login.
func (a *Auth) signOutAction() PageAction {
	return PageAction{Kind: ActionSignOut, Text: "Sign out", URL: a.cfg.RoutesPath + "/sign-out", Post: true}
}

// signInLink returns a link that starts a sign-in with a return path.
func (a *Auth) signInLink(returnPath string) string {
	link := a.cfg.RoutesPath + "/sign-in"
	if a.cfg.ReturnParam != "-" && returnPath != "" && returnPath != a.cfg.AfterSignIn {
		link += "?" + a.cfg.ReturnParam + "=" + url.QueryEscape(returnPath)
	}
	return link
}
