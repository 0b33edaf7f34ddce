package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestNoPlantedCookieTakesAHandle plants random cookies in a browser, as a sibling subdomain
// can. With __Host- every one of them is worth nothing. With Cookies.Domain only a handle of
// the attacker's own is worth something, if its sign-in is the latest. The victim is served
// at every request, nothing of hers is deleted, and her sign-out ends her session.
func TestNoPlantedCookieTakesAHandle(t *testing.T) {
	t.Parallel()
	inParallel(2, 2, func(i int) {
		w := newPlantedHandleWorld(t, []string{"", "example.com"}[i])
		for seed := range longtest.Scale(8, 1000) {
			if t.Failed() {
				return
			}
			w.run(uint64(seed))
		}
	})
}

// plantedHandleWorld has what the cases share.
type plantedHandleWorld struct {
	*replicas
	domain  string // of the victim's cookies; "" is the host alone
	began   time.Time
	sets    []*tokens.Set // the victim's
	foreign []string      // genuine handles of the attacker's own
}

func newPlantedHandleWorld(t *testing.T, domain string) *plantedHandleWorld {
	setDomain := func(c *session.Config) { c.Cookies.Domain = domain }
	w := &plantedHandleWorld{replicas: newHandleReplicas(t, 1, setDomain), domain: domain}
	w.server.SetRotation(false, 0)
	w.began = w.clock()
	for range 3 {
		w.sets = append(w.sets, w.server.Issue("ada"))
	}
	w.plantSignIn(-time.Hour)
	if domain == "" { // browsers keep none of his, however late it is
		w.plantSignIn(30 * time.Minute)
	}
	other := &env{t: t, layout: w.layout, server: w.server.AddClient("7otherclient", ""), logs: w.logs, now: w.now}
	other.manager = other.newManager(func(c *session.Config) { c.Shared, c.Secret, c.Cookies.Domain = w.store, storeSecret, domain })
	w.foreign = append(w.foreign, pairsOf(other.start(pageRequest(), other.server.Issue("ada")))...)
	return w
}

func (w *plantedHandleWorld) setClock(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.began.Add(d)
}

// plantSignIn signs the attacker in.
func (w *plantedHandleWorld) plantSignIn(d time.Duration) {
	w.setClock(d)
	defer w.setClock(0)
	w.foreign = append(w.foreign, pairsOf(w.start(pageRequest(), w.server.Issue("bob")))...)
}

// run runs the case of a seed.
func (w *plantedHandleWorld) run(seed uint64) {
	rng := rand.New(rand.NewPCG(19, seed))
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	w.logs.Reset()
	w.setClock(0)
	if rng.IntN(2) == 0 { // a process that knows nothing
		w.manager = w.newReplica(func(c *session.Config) { c.Cookies.Domain, c.AlwaysAskStore = w.domain, rng.IntN(2) == 0 })
	}
	signsOut := rng.IntN(4) == 0
	set := w.sets[rng.IntN(len(w.sets))]
	if signsOut {
		set = w.server.Issue("ada")
	}
	b := newBrowser()
	line := w.start(pageRequest(), set)[0]
	own, _, _ := strings.Cut(line, ";")
	name, handle, _ := strings.Cut(own, "=")
	var planted []string
	plant := func() {
		cookieName, value := name, ""
		switch rng.IntN(4) {
		case 0:
			cookieName = pick(strings.ToLower(name), strings.Replace(name, "__Host-", "__Secure-", 1), strings.TrimPrefix(name, "__Host-"),
				strings.Replace(name, "_", "%5F", 2), name+".0", name+"x", strings.TrimSuffix(name, "handle")+"AAAAAAAA", w.prefixed("LastAuthUser"), w.prefixed("bob.accessToken"))
		case 1:
			cookieName, _, _ = strings.Cut(w.foreign[len(w.foreign)-1], "=")
		}
		_, foreignValue, _ := strings.Cut(pick(w.foreign...), "=")
		switch rng.IntN(5) {
		case 0:
			value = pick("x", "eyJ", strings.Repeat("A", 64), strings.Repeat("A", 3000), "%zz")
		case 1: // his random part with another code, or the other way around
			value = foreignValue[:42] + handle[42:]
		case 2:
			value = handle[:42] + foreignValue[42:]
		case 3, 4:
			value = foreignValue
		}
		path := pick("/", "/dashboard", "/dashboard/reports", "/dashboard/reports/today")
		if path == "/" && w.domain != "" && cookieName == name {
			path = "/dashboard" // a sibling may overwrite cookies of the whole domain
		}
		text := fmt.Sprintf("%s=%s; Secure; Domain=example.com; Path=%s", cookieName, value, path)
		planted = append(planted, text)
		b.setCookie("https://evil.example.com"+path, text)
	}
	n := 1 + rng.IntN(maxPlanted)
	before := rng.IntN(n + 1)
	for range before {
		plant()
	}
	b.setCookie(site, line)
	for range n - before {
		plant()
	}
	errorf := func(format string, args ...any) {
		w.t.Helper()
		for i, text := range planted {
			planted[i] = fmt.Sprintf("%.160s", text)
		}
		w.t.Errorf("seed %d, domain %q: %s\nplanted:\n\t%s", seed, w.domain, fmt.Sprintf(format, args...), strings.Join(planted, "\n\t"))
	}
	if rng.IntN(2) == 0 {
		w.setClock(2 * time.Hour) // her tokens expire
	}
	for visit := range 4 {
		r := httptest.NewRequest("GET", plantedPage, nil)
		r.Header.Set("Sec-Fetch-Mode", pick("navigate", "cors"))
		r.Header.Set("Cookie", strings.Join(b.cookiesFor(plantedPage), "; "))
		answer := httptest.NewRecorder()
		s, err := w.manager.Fetch(answer, r, nil)
		if err != nil || s.User().Username != "ada" || s.IDToken() == nil {
			errorf("visit %d: %v, %v", visit, s, err)
			return
		}
		if lines := answer.Header()["Set-Cookie"]; len(lines) > 0 {
			errorf("visit %d: %.100q", visit, lines)
			return
		}
		w.advance(70 * time.Second)
	}
	if !signsOut {
		return
	}
	r := pageRequest(b.cookiesFor(plantedPage)...)
	r.URL.Path = "/dashboard/reports/today"
	answer := httptest.NewRecorder()
	if err := w.manager.End(answer, r); errors.Is(err, tokens.ErrUnavailable) {
		errorf("her sign-out: %v", err)
	}
	for _, text := range answer.Header()["Set-Cookie"] {
		b.setCookie(plantedPage, text)
	}
	for _, pair := range b.cookiesFor(site) {
		if pair == own {
			errorf("after her sign-out the browser has %.80s", pair)
		}
	}
	if s, err := w.manager.Fetch(nil, pageRequest(own), nil); !errors.Is(err, session.ErrSignedOut) {
		errorf("a copy of her cookie: %v, %v", s, err)
	}
	if !w.isRevoked(set.Refresh) {
		errorf("her refresh token is not revoked")
	}
	// The attacker's own sessions may have ended with hers.
	bobs := len(w.foreign) - 1
	w.foreign = w.foreign[bobs:]
	w.plantSignIn(-time.Hour)
	if w.domain == "" {
		w.plantSignIn(30 * time.Minute)
	}
}
