package main

import (
	"errors"
	"net/http"
	"strings"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// serveError is the Config's ErrorHandler: pages of our own where a person
// looks, and the library's answer for scripts and for everybody who has to sign
// in.
//
//show:errors
func (a *app) serveError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case !navigates(r):
		w.Header().Set("Server-Timing", traceOf(r.Context()).String())
		a.auth.ServeError(w, r, err)
	case errors.Is(err, cognito.ErrForbidden):
		// A guard that lets nobody in leaves no session in r. Whose is it?
		s, _ := a.auth.Sessions().Fetch(w, r, nil)
		r = r.WithContext(session.NewContext(r.Context(), s))
		a.showError(w, r, http.StatusForbidden)
	case errors.Is(err, tokens.ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		a.showError(w, r, http.StatusServiceUnavailable)
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

// errorPage is what the error page shows.
type errorPage struct {
	Status  int
	Text    string
	SignOut bool // offer to go on as somebody else
	Retry   bool // offer to load the page again
	Resend  bool // or to send the form again, which a link cannot
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

// showError answers with an error page.
func (a *app) showError(w http.ResponseWriter, r *http.Request, status int) {
	page := errorPages[status]
	page.Status = status
	if status == http.StatusServiceUnavailable {
		page.Resend = r.Method == http.MethodPost
		page.Retry = !page.Resend
	}
	a.render(w, r, status, "error", http.StatusText(status), page)
}

func (a *app) notFound(w http.ResponseWriter, r *http.Request) {
	if !navigates(r) {
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
		return
	}
	a.showError(w, r, http.StatusNotFound)
}

// crossOrigin refuses a form that another site has sent.
func (a *app) crossOrigin(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusForbidden, "error", http.StatusText(http.StatusForbidden), errorPage{
		Status: http.StatusForbidden,
		Text:   "Another site has sent this form in your name. It was not obeyed.",
	})
}
