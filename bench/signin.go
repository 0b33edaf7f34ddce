//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const origin = "https://app.example.com"

// signInSite is a site whose users sign in on the server.
type signInSite struct {
	*site
	routes http.Handler
	client *tokens.Client
}

func newSignInSite(answers *replay) *signInSite {
	client := &http.Client{Transport: answers}
	s := newSite(answers.server, func(cfg *middleware.Config) {
		cfg.HTTPClient, cfg.Origin, cfg.Secret = client, origin, []byte("a secret of thirty-two bytes or more")
	})
	api, err := tokens.NewClient(answers.server.UserPool(), &tokens.Options{HTTPClient: client})
	check(err)
	serving(s.guarded, s.signedIn("/dashboard/1"), 200) // fetches the key set
	return &signInSite{site: s, routes: s.auth.Routes(), client: api}
}

// callback begins a sign-in and returns the request that ends it.
func (s *signInSite) callback() *http.Request {
	began := httptest.NewRecorder()
	s.routes.ServeHTTP(began, httptest.NewRequest("GET", origin+"/api/auth/sign-in?next=/dashboard/1", nil))
	location, err := s.server.Authorize(began.Header().Get("Location"), "ada")
	check(err)
	r := httptest.NewRequest("GET", location, nil)
	addCookies(r, began.Header())
	return r
}

// addCookies puts the cookies of an answer on a request.
func addCookies(r *http.Request, answer http.Header) {
	var pairs []string
	for _, line := range answer.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	r.Header.Set("Cookie", strings.Join(pairs, "; "))
}

// signIns measures the callback of a sign-in and the page after it. The floor of the
// callback is what it cannot do without: Client.Exchange and Manager.Start.
func (b *bench) signIns() {
	const signIns = 64
	answers := newReplay(newServer())
	first := newSignInSite(answers)
	callbacks, pages := make([]*http.Request, signIns), make([]*http.Request, signIns)
	for i := range callbacks {
		callbacks[i] = first.callback()
		answer := httptest.NewRecorder()
		first.routes.ServeHTTP(answer, callbacks[i])
		if got := answer.Header().Get("Location"); got != "/dashboard/1" {
			panic("the callback sends to " + got)
		}
		pages[i] = httptest.NewRequest("GET", "/dashboard/1", nil)
		addCookies(pages[i], answer.Header())
		serving(first.guarded, pages[i], 200)
	}
	w := discard{http.Header{}}
	serve := func(h http.Handler, requests []*http.Request) {
		for _, r := range requests {
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	}
	// Each turn has a site of its own, which has seen none of the sign-ins.
	callback := func() float64 {
		s := newSignInSite(answers)
		return cpuNanoseconds(func() { serve(s.routes, callbacks) }) / signIns
	}
	floor := func() float64 {
		s := newSignInSite(answers)
		return cpuNanoseconds(func() {
			for _, r := range callbacks {
				clear(w.header)
				exchangeAndStart(s.client, s.auth.Sessions(), w, r)
			}
		}) / signIns
	}
	page := func() float64 {
		s := newSignInSite(answers)
		serve(s.routes, callbacks)
		return cpuNanoseconds(func() { serve(s.guarded, pages) }) / signIns
	}
	pageAgain := func() float64 {
		s := newSignInSite(answers)
		serve(s.guarded, pages)
		return cpuNanoseconds(func() { serve(s.guarded, pages) }) / signIns
	}
	c := interleave(2*b.perGroup, repeated(b.signatureCheck), floor, callback, page, pageAgain)
	b.add(informs("P9", "sign-in callback", c.ratio(2, 0), "%.2f A"))
	// A second check of the ID token's signature alone would cost 1 A.
	b.add(atMost("P9", "the same without its Exchange and Start", c.of(func(cost []float64) float64 {
		return (cost[2] - cost[1]) / cost[0]
	}), "%.2f A", 1))
	b.add(atMost("P9", "page after a sign-in, over a page with cached tokens", c.ratio(3, 4), "× %.2f", 1.5))
}

func exchangeAndStart(client *tokens.Client, sessions *session.Manager, w http.ResponseWriter, callback *http.Request) {
	set, err := client.Exchange(callback.Context(), callback.URL.Query().Get("code"), "verifier", origin+"/api/auth/sign-in-callback")
	check(err)
	_, err = sessions.Start(w, callback, set)
	check(err)
}
