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
	// A sign-in may wait for a code by mail. Cognito's managed login keeps its own cookie
	// for an hour.
	flowLifetime = time.Hour
	maxFlows     = 5 // tabs that sign in at the same time

	maxSpentFlows      = 8192 // that are remembered
	maxSpentReturnPath = 256  // bytes of a spent flow's return path

	// Proxies refuse a request whose Cookie line is longer than some 8 KiB, and
	// anybody can make a link with a long return path.
	maxFlowBytes  = 3 << 10
	maxFlowsBytes = 6 << 10
)

// flow is an authorization code flow (RFC 6749 §4.1) that is not finished. The
// browser holds it, sealed, in a cookie of its own, so that two tabs do not disturb
// each other.
type flow struct {
	State      string `json:"s"`
	Nonce      string `json:"n"`
	Verifier   string `json:"v"`                 // RFC 7636 §4.1
	ReturnPath string `json:"to"`                // or a URL of one of ReturnOrigins
	StartedAt  int64  `json:"at"`                // Unix milliseconds
	Repeated   bool   `json:"again,omitempty"`   // the browser lost the session of a sign-in a minute ago
	Silent     bool   `json:"silent,omitempty"`  // the managed login must show no page (prompt=none)
	Unasked    bool   `json:"unasked,omitempty"` // a callback without a state has begun it
	Anew       bool   `json:"anew,omitempty"`    // the user must sign in anew (prompt=login)
	Recent     int    `json:"recent,omitempty"`  // the same after a sign-in that is older; in seconds
	Subject    string `json:"sub,omitempty"`     // who must sign in then, if it is known
}

func newFlow(returnPath string) *flow {
	return &flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), ReturnPath: returnPath}
}

func (f *flow) challenge() string { return oauth2.S256ChallengeFromVerifier(f.Verifier) }

// id returns the random part of the state, which names the flow's cookie.
func (f *flow) id() string { return flowID(f.State) }

func flowID(state string) string {
	id, _, _ := strings.Cut(state, "-")
	return id
}

// hostCookieName returns the name of a cookie of Routes for this app client. __Host-
// makes browsers refuse a cookie that a sibling domain plants (RFC 6265bis
// §4.1.3.2). It needs Secure.
func (a *Auth) hostCookieName(name string) string {
	name = "cognitogate." + name + "." + a.cfg.UserPool.ClientID
	if a.cfg.Cookies.Insecure {
		return name
	}
	return "__Host-" + name
}

// flowCookiePrefix returns what the names of flow cookies begin with.
func (a *Auth) flowCookiePrefix() string { return a.hostCookieName("flow") + "." }

// flowCookie is a flow's cookie as a request carries it.
type flowCookie struct{ name, value string }

// writeFlowCookie puts the flow's cookie on the answer and makes room for it. It
// deletes the oldest flows if there are too many, and flows that cannot be opened.
func (a *Auth) writeFlowCookie(w http.ResponseWriter, r *http.Request, f *flow) error {
	f.StartedAt = a.routes.now().UnixMilli()
	name := a.flowCookiePrefix() + f.id()
	sealed, err := a.routes.flowSealer.Seal(name, f, flowLifetime)
	if f.ReturnPath != a.homeOf(f.ReturnPath) && (err != nil || len(sealed) > maxFlowBytes) {
		// Signing in matters more than the return path.
		f.ReturnPath = a.homeOf(f.ReturnPath)
		sealed, err = a.routes.flowSealer.Seal(name, f, flowLifetime)
	}
	if err == nil && len(sealed) > maxFlowBytes {
		err = fmt.Errorf("%d bytes", len(sealed))
	}
	if err != nil { // every other part of a flow is bounded
		return fmt.Errorf("cognitogate: sign-in: Login.State is too long: %w", err)
	}
	a.deleteFlowsBefore(w, r, len(sealed))
	a.setHostCookie(w, name, sealed, flowLifetime, a.hostCookieSameSite())
	return nil
}

// deleteFlowsBefore deletes flow cookies of the request until another one of size
// bytes fits.
func (a *Auth) deleteFlowsBefore(w http.ResponseWriter, r *http.Request, size int) {
	type openedFlow struct {
		flowCookie
		startedAt int64
	}
	var flows []openedFlow
	for _, c := range a.flowCookies(r) {
		var f flow
		if a.routes.flowSealer.Open(c.name, c.value, &f) != nil {
			a.logUnopenedFlow()
			a.deleteHostCookie(w, c.name)
			continue
		}
		flows = append(flows, openedFlow{c, f.StartedAt})
		size += len(c.value)
	}
	// The sort is stable: browsers send older cookies first (RFC 6265bis §5.8.3).
	slices.SortStableFunc(flows, func(x, y openedFlow) int { return cmp.Compare(x.startedAt, y.startedAt) })
	for len(flows) >= maxFlows || len(flows) > 0 && size > maxFlowsBytes {
		a.deleteHostCookie(w, flows[0].name)
		size -= len(flows[0].value)
		flows = flows[1:]
	}
}

// flowCookies returns the request's flow cookies in their order. Without __Host- a
// name may come twice.
func (a *Auth) flowCookies(r *http.Request) (found []flowCookie) {
	prefix := a.flowCookiePrefix()
	for _, h := range r.Header["Cookie"] {
		for name, value, rest := cookie.Next(h); name != ""; name, value, rest = cookie.Next(rest) {
			if strings.HasPrefix(name, prefix) && len(found) < 4*maxFlows {
				found = append(found, flowCookie{name, value})
			}
		}
	}
	return found
}

// takeFlow returns the flow of a callback's state, once: it deletes the flow's
// cookie even if the callback fails. ok is false if this browser holds no flow with
// exactly this state.
func (a *Auth) takeFlow(w http.ResponseWriter, r *http.Request, state string) (f *flow, ok bool) {
	name := a.flowCookiePrefix() + flowID(state)
	found := false
	for _, c := range a.flowCookies(r) {
		if c.name != name {
			continue
		}
		found = true
		var opened flow
		if f == nil && a.routes.flowSealer.Open(name, c.value, &opened) == nil {
			f = &opened
		}
	}
	if found {
		a.deleteHostCookie(w, name)
	}
	if found && f == nil {
		a.logUnopenedFlow()
	}
	if f == nil || subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1 || !a.routes.spend(f) {
		return nil, false
	}
	return f, true
}

// logUnopenedFlow logs at most once a minute that a browser has a flow that cannot be
// opened: another replica has another Secret or another time, or the flow has expired.
func (a *Auth) logUnopenedFlow() {
	a.routes.unopenedFlowLog.Do(func() {
		a.cfg.Logger.Warn("cognitogate: the cookie of a sign-in cannot be opened: have all replicas the same Secret?",
			"look_at", "Secret, and the clocks of the replicas")
	})
}

// setHostCookie sets a cookie of Routes: for this host, and hidden from scripts. sameSite
// is hostCookieSameSite, except for markers that travel with the session's cookies.
func (a *Auth) setHostCookie(w http.ResponseWriter, name, value string, maxAge time.Duration, sameSite http.SameSite) {
	attributes := cookie.Attributes{
		MaxAge: maxAge, HTTPOnly: true, Insecure: a.cfg.Cookies.Insecure, SameSite: sameSite, Partitioned: a.cfg.Cookies.Partitioned,
	}
	h := w.Header()
	h["Set-Cookie"] = append(h["Set-Cookie"], attributes.Line(name, value))
}

// hostCookieSameSite is Lax even if the session's cookies are Strict, because the browser
// reaches the callback from another site. It is None if theirs are, for a site in a frame.
func (a *Auth) hostCookieSameSite() http.SameSite {
	if a.cfg.Cookies.SameSite == http.SameSiteNoneMode {
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

func (a *Auth) deleteHostCookie(w http.ResponseWriter, name string) {
	a.setHostCookie(w, name, "", -time.Second, a.hostCookieSameSite())
}

// hexUTF16 encodes Login.State as Amplify does: the hex of each UTF-16 code unit,
// without leading zeros.
func hexUTF16(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%x", unit)
	}
	return b.String()
}
