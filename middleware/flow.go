package middleware

import (
	"cmp"
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

	// Proxies refuse a request whose Cookie line is longer than some 8 KiB, and
	// anybody can make a link with a long way back.
	maxFlow     = 3 << 10
	maxAllFlows = 6 << 10
)

// flow is a sign-in that is under way. The browser keeps it, sealed, in a cookie of
// its own, so that two tabs do not disturb each other.
type flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // RFC 7636 §4.1
	Next     string `json:"to"`
	Began    int64  `json:"at"`              // Unix milliseconds
	Again    bool   `json:"again,omitempty"` // after a sign-in that this browser did not keep
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

// hostName is the name of a cookie of the routes for this app client. __Host- has
// browsers refuse one that a sibling domain plants (RFC 6265bis §4.1.3.2); it needs
// Secure.
func (a *Auth) hostName(name string) string {
	name = "cognitogate." + name + "." + a.cfg.UserPool.ClientID
	if a.cfg.Cookies.Insecure {
		return name
	}
	return "__Host-" + name
}

// flowPrefix begins the names of flow cookies.
func (a *Auth) flowPrefix() string { return a.hostName("flow") + "." }

// pair is a cookie of a request.
type pair struct{ name, value string }

// keepFlow puts the flow's cookie on the answer and makes room for it: the oldest of
// too many goes, and so does whatever cannot be opened.
func (a *Auth) keepFlow(w http.ResponseWriter, r *http.Request, f *flow) error {
	f.Began = a.login.now().UnixMilli()
	name := a.flowPrefix() + f.id()
	text, err := a.login.flows.Seal(name, f, flowLifetime)
	if f.Next != a.cfg.AfterSignIn && (err != nil || len(text) > maxFlow) {
		// To sign in matters more than to arrive.
		f.Next = a.cfg.AfterSignIn
		text, err = a.login.flows.Seal(name, f, flowLifetime)
	}
	if err == nil && len(text) > maxFlow {
		err = fmt.Errorf("%d bytes", len(text))
	}
	if err != nil { // of all its parts only this one has no bound
		return fmt.Errorf("cognitogate: sign-in: Login.State is too long: %w", err)
	}
	type held struct {
		pair
		began int64
	}
	var others []held
	size := len(text)
	for _, c := range a.flowCookies(r) {
		var old flow
		if a.login.flows.Open(c.name, c.value, &old) != nil {
			a.dropCookie(w, c.name)
			continue
		}
		others = append(others, held{c, old.Began})
		size += len(c.value)
	}
	// Stable: browsers send older cookies first (RFC 6265bis §5.8.3).
	slices.SortStableFunc(others, func(x, y held) int { return cmp.Compare(x.began, y.began) })
	for len(others) >= maxFlows || len(others) > 0 && size > maxAllFlows {
		a.dropCookie(w, others[0].name)
		size -= len(others[0].value)
		others = others[1:]
	}
	a.setCookie(w, name, text, flowLifetime, http.SameSiteLaxMode)
	return nil
}

// flowCookies returns the request's flow cookies, in their order. Without __Host-
// a name may come twice.
func (a *Auth) flowCookies(r *http.Request) (found []pair) {
	prefix := a.flowPrefix()
	for _, h := range r.Header["Cookie"] {
		for name, value, rest := cookie.Next(h); name != ""; name, value, rest = cookie.Next(rest) {
			if strings.HasPrefix(name, prefix) && len(found) < 4*maxFlows {
				found = append(found, pair{name, value})
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
	var taken *flow
	seen := false
	for _, c := range a.flowCookies(r) {
		if c.name != name {
			continue
		}
		seen = true
		var f flow
		if taken == nil && a.login.flows.Open(name, c.value, &f) == nil {
			taken = &f
		}
	}
	if seen {
		a.dropCookie(w, name)
	}
	if taken == nil || subtle.ConstantTimeCompare([]byte(taken.State), []byte(state)) != 1 {
		return nil, false
	}
	return taken, true
}

// setCookie sets a cookie of the routes: for this host, out of reach of scripts. A
// flow's is Lax even if the session's cookies are Strict, because the callback is
// reached from another site.
func (a *Auth) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration, sameSite http.SameSite) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(maxAge.Seconds()),
		HttpOnly: true, Secure: !a.cfg.Cookies.Insecure, SameSite: sameSite,
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
