package middleware

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

const (
	flowLifetime = 10 * time.Minute
	maxFlows     = 5 // tabs that sign in at once
)

// flow is a sign-in that is under way. The browser keeps it, sealed, in a cookie of
// its own, so that two tabs do not disturb each other.
type flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // RFC 7636 §4.1
	Next     string `json:"to"`
	Began    int64  `json:"at"` // Unix seconds
}

func newFlow(next string) *flow {
	return &flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next}
}

func (f *flow) challenge() string { return oauth2.S256ChallengeFromVerifier(f.Verifier) }

// id is the random part of the state, which names the flow's cookie.
func (f *flow) id() string {
	id, _, _ := strings.Cut(f.State, "-")
	return id
}

// flowPrefix begins the names of flow cookies. __Host- has browsers refuse a cookie
// that a sibling domain plants (RFC 6265bis §4.1.3.2); it needs Secure.
func (a *Auth) flowPrefix() string {
	if a.cfg.Cookies.Insecure {
		return "cognitogate.flow."
	}
	return "__Host-cognitogate.flow."
}

// keepFlow puts the flow's cookie on the answer and makes room for it: the oldest of
// too many goes, and so does whatever cannot be opened.
func (a *Auth) keepFlow(w http.ResponseWriter, r *http.Request, f *flow) error {
	f.Began = a.login.now().Unix()
	type held struct {
		name  string
		began int64
	}
	var others []held
	for name, value := range a.flowCookies(r) {
		var old flow
		if a.login.flows.Open(name, value, &old) != nil {
			a.dropCookie(w, name)
			continue
		}
		others = append(others, held{name, old.Began})
	}
	slices.SortFunc(others, func(x, y held) int { return int(x.began - y.began) })
	for len(others) >= maxFlows {
		a.dropCookie(w, others[0].name)
		others = others[1:]
	}
	name := a.flowPrefix() + f.id()
	text, err := a.login.flows.Seal(name, f, flowLifetime)
	if err != nil {
		return fmt.Errorf("cognitogate: sign-in: %w", err)
	}
	a.setCookie(w, name, text, flowLifetime)
	return nil
}

// flowCookies returns the request's flow cookies by name.
func (a *Auth) flowCookies(r *http.Request) map[string]string {
	found := make(map[string]string)
	for _, h := range r.Header["Cookie"] {
		for name, value, rest := cookie.Next(h); name != ""; name, value, rest = cookie.Next(rest) {
			if strings.HasPrefix(name, a.flowPrefix()) && len(found) < 4*maxFlows {
				found[name] = value
			}
		}
	}
	return found
}

// takeFlow returns the flow that a callback's state names, once: its cookie is
// deleted whatever comes of it. A state that no cookie of this browser knows, or
// only in part, is no flow of this browser.
func (a *Auth) takeFlow(w http.ResponseWriter, r *http.Request, state string) (*flow, bool) {
	id, _, _ := strings.Cut(state, "-")
	name := a.flowPrefix() + id
	value, ok := a.flowCookies(r)[name]
	if !ok {
		return nil, false
	}
	a.dropCookie(w, name)
	var f flow
	if a.login.flows.Open(name, value, &f) != nil {
		return nil, false
	}
	return &f, subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) == 1
}

// setCookie sets a cookie of the routes: for this host, out of reach of scripts. It
// is Lax even if the session's cookies are Strict, because the callback is reached
// from another site.
func (a *Auth) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(maxAge.Seconds()),
		HttpOnly: true, Secure: !a.cfg.Cookies.Insecure, SameSite: http.SameSiteLaxMode,
	})
}

func (a *Auth) dropCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Path: "/", MaxAge: -1,
		HttpOnly: true, Secure: !a.cfg.Cookies.Insecure, SameSite: http.SameSiteLaxMode,
	})
}

// hexUTF16 encodes a state of the user's as Amplify does: the hex of each UTF-16 code
// unit, without leading zeros.
func hexUTF16(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%x", unit)
	}
	return b.String()
}
