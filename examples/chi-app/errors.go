package main

import (
	"errors"
	"net/http"
	"strings"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// serveError is Config.ErrorHandler. For a page it shows an error page of our own.
// For a script, and for a user who must sign in, it leaves the answer to
// auth.ServeError.
//
//show:errors
func (a *app) serveError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case !navigates(r):
		w.Header().Set("Server-Timing", traceOf(r.Context()).String())
		a.auth.ServeError(w, r, err)
	case errors.Is(err, cognito.ErrForbidden):
		// The guard has left the session in r, and the page shows its user.
		a.renderError(w, r, http.StatusForbidden)
	case errors.Is(err, tokens.ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		a.renderError(w, r, http.StatusServiceUnavailable)
	default:
		// To the sign-in page, and back here afterwards.
		a.auth.ServeError(w, r, err)
	}
}

//end:errors

// navigates reports whether a browser shows the answer as a page.
func navigates(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// errorPage is the content of an error page.
type errorPage struct {
	Status  int
	Text    string
	SignOut bool // offer to sign in as another user
	Retry   bool // offer to load the page again
	Resend  bool // offer to send the form again, which a link cannot do
}

var errorPages = map[int]errorPage{
	http.StatusBadRequest: {Text: "The server could not read what the form sent."},
	http.StatusForbidden: {
		Text:    "You are signed in, and this page is for others: a group is missing. Signing in again would not help, so you were not sent to the sign-in page.",
		SignOut: true,
	},
	http.StatusNotFound:   {Text: "There is nothing under this address."},
	http.StatusBadGateway: {Text: "A service of AWS has refused what this page asked of it. The server’s log says why."},
	http.StatusServiceUnavailable: {
		Text: "Cognito cannot be reached, so it cannot be told whether you are still signed in. You have not been signed out: your cookies are untouched.",
	},
}

// renderError answers with an error page.
func (a *app) renderError(w http.ResponseWriter, r *http.Request, status int) {
	page := errorPages[status]
	page.Status = status
	if status == http.StatusServiceUnavailable {
		page.Resend = r.Method == http.MethodPost
		page.Retry = !page.Resend
	}
	a.render(w, r, status, "error", http.StatusText(status), page)
}

func (a *app) serveNotFound(w http.ResponseWriter, r *http.Request) {
	if !navigates(r) {
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
		return
	}
	a.renderError(w, r, http.StatusNotFound)
}

// serveCrossOrigin refuses a form that another site has sent.
func (a *app) serveCrossOrigin(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusForbidden, "error", http.StatusText(http.StatusForbidden), errorPage{
		Status: http.StatusForbidden,
		Text:   "Another site has sent this form in your name. It was not obeyed.",
	})
}
