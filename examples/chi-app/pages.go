package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// view is the data of every template.
type view struct {
	Page, Title string
	Demo        []cognitotest.User
	Nav         []link
	Session     *session.Session // nil if nobody is signed in
	Request     *trace
	Fails       bool   // Cognito fails, because the operator wants it
	Operator    string // the URL of the operator's page, or empty
	Data        any
}

// link is a link to a page, in the header of all pages.
type link struct{ Page, Path, Name string }

// render answers with a page. It writes to a buffer first, so that a failing
// template does not send half a page with status 200.
func (a *app) render(w http.ResponseWriter, r *http.Request, status int, page, title string, data any) {
	s, _ := session.FromContext(r.Context())
	var b bytes.Buffer
	err := a.assets.pages[page].ExecuteTemplate(&b, "layout.html", view{
		Page: page, Title: title, Demo: a.cfg.Demo, Nav: a.nav,
		Session: s, Request: traceOf(r.Context()), Data: data,
		Fails: a.cfg.Outage.isOn(), Operator: a.cfg.Operator,
	})
	if err != nil {
		a.cfg.Logger.ErrorContext(r.Context(), "page", "page", page, "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// home greets the user, whose session auth.Load has found.
//
//show:home
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	greeting := "Nobody is signed in."
	if s, ok := session.FromContext(r.Context()); ok {
		greeting = "Hello, " + s.User().Username + "."
	}
	a.render(w, r, http.StatusOK, "home", "Welcome", greeting)
}

//end:home

// dashboardPage is the content of the dashboard.
type dashboardPage struct {
	Claims        bool // show the tab with the tokens' claims
	Groups        []string
	Tokens        []token
	Notes         []note
	Text, Problem string // a refused note, and the reason
}

func (a *app) dashboard(w http.ResponseWriter, r *http.Request) {
	a.showDashboard(w, r, http.StatusOK, dashboardPage{Claims: r.URL.Query().Get("tab") == "2"})
}

// showDashboard shows the session, which the guard has found.
func (a *app) showDashboard(w http.ResponseWriter, r *http.Request, status int, d dashboardPage) {
	//show:dashboard
	s, _ := session.FromContext(r.Context())
	d.Groups = s.AccessToken().Groups()
	for _, t := range []*tokens.Token{s.AccessToken(), s.IDToken()} {
		if t != nil { // a session may have an access token alone
			d.Tokens = append(d.Tokens, a.describe(t))
		}
	}
	//end:dashboard
	d.Notes = a.notes.list()
	a.render(w, r, status, "dashboard", "Dashboard", d)
}

// token has the parts of a token that the dashboard shows, never the token itself.
type token struct {
	Use               tokens.Use
	Issued, Expires   time.Time
	Lifetime, Remains int // seconds
	Claims            []claim
}

type claim struct{ Name, Value string }

func (a *app) describe(t *tokens.Token) token {
	v := token{
		Use: t.Use(), Issued: t.IssuedAt(), Expires: t.ExpiresAt(),
		Lifetime: int(t.ExpiresAt().Sub(t.IssuedAt()).Seconds()),
		Remains:  max(0, int(t.ExpiresAt().Sub(a.cfg.now()).Seconds())),
	}
	//show:claims
	var claims map[string]json.RawMessage
	if err := t.Claims(&claims); err != nil {
		return v // the token is valid, whatever its claims
	}
	//end:claims
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		v.Claims = append(v.Claims, claim{name, strings.Trim(string(claims[name]), `"`)})
	}
	return v
}

// addNote adds a note to the guestbook. Expired tokens need no special case: the
// guard refreshes them, and the request goes on with its body.
//
//show:note
func (a *app) addNote(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		a.renderError(w, r, http.StatusBadRequest)
		return
	}
	s, _ := session.FromContext(r.Context())
	text := r.PostForm.Get("text")
	problem := a.notes.add(note{
		Author:    s.User().Username,
		Text:      text,
		At:        a.cfg.now(),
		Refreshed: traceOf(r.Context()).Refreshed(),
	})
	if problem != "" {
		a.showDashboard(w, r, http.StatusUnprocessableEntity, dashboardPage{Text: text, Problem: problem})
		return
	}
	http.Redirect(w, r, "/dashboard#notes", http.StatusSeeOther)
}

//end:note

// admin is guarded by auth.RequireGroup("admins").
func (a *app) admin(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusOK, "admin", "Admin", struct {
		Calls  []callCount
		Guards []guarded
	}{a.calls.list(), a.guards()})
}

// call shows how the guards answer a script.
func (a *app) call(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusOK, "call", "Call an API", nil)
}

// currentUser is the API that the page /call uses.
//
//show:current-user
func (a *app) currentUser(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Server-Timing", traceOf(r.Context()).String())
	json.NewEncoder(w).Encode(map[string]any{
		"user": map[string]string{"username": s.User().Username, "userId": s.User().ID},
	})
}

//end:current-user
