package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestNoPlantedCookieTakesASealedSession plants random cookies in a browser, as a sibling
// subdomain can. With __Host- every one of them is worth nothing. With Cookies.Domain only
// a session of the attacker's own is worth something, if its sign-in is the latest. The
// victim is served at every request, nothing of hers is deleted, and her sign-out ends her
// session.
func TestNoPlantedCookieTakesASealedSession(t *testing.T) {
	t.Parallel()
	inParallel(2, 2, func(i int) {
		w := newPlantedSealedWorld(t, []string{"", "example.com"}[i])
		for seed := range longtest.Scale(8, 1000) {
			if t.Failed() {
				return
			}
			w.run(uint64(seed))
		}
	})
}

// plantedSealedWorld has what the cases share.
type plantedSealedWorld struct {
	*env
	domain  string // of the victim's cookies; "" is the host alone
	start   time.Time
	sets    []*tokens.Set // the victim's
	foreign []string      // genuine cookies of the attacker's own
}

func newPlantedSealedWorld(t *testing.T, domain string) *plantedSealedWorld {
	w := &plantedSealedWorld{env: newSealedEnv(t, nil, manyGroups(), bob), domain: domain}
	w.start = w.clock()
	for range 3 {
		w.sets = append(w.sets, w.server.Issue("ada"))
	}
	w.manager = w.process()
	bobs := pairsOf(w.startAt(-time.Hour, w.server.Issue("bob")))
	w.foreign = append(w.foreign, bobs...)
	if domain == "" { // browsers keep none of his, however late it is
		w.foreign = append(w.foreign, pairsOf(w.startAt(30*time.Minute, w.server.Issue("bob")))...)
	}
	other := &env{t: t, layout: w.layout, server: w.server.AddClient("7otherclient", ""), logs: w.logs, now: w.now}
	other.manager = other.newManager(func(c *session.Config) { c.Cookies.Domain = domain })
	w.foreign = append(w.foreign, pairsOf(other.start(pageRequest(), other.server.Issue("ada")))...)
	return w
}

// process returns a Manager that has seen nothing.
func (w *plantedSealedWorld) process() *session.Manager {
	return w.newManager(func(c *session.Config) { c.Cookies.Domain = w.domain })
}

func (w *plantedSealedWorld) setClock(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.start.Add(d)
}

func (w *plantedSealedWorld) startAt(d time.Duration, set *tokens.Set) []string {
	w.setClock(d)
	defer w.setClock(0)
	return w.env.start(pageRequest(), set)
}

// run runs the case of a seed.
func (w *plantedSealedWorld) run(seed uint64) {
	rng := rand.New(rand.NewPCG(18, seed))
	pick := func(all ...string) string { return all[rng.IntN(len(all))] }
	w.logs.Reset()
	w.setClock(0)
	w.manager = w.process()
	signsOut := rng.IntN(4) == 0
	set := w.sets[rng.IntN(len(w.sets))]
	if signsOut {
		set = w.server.Issue("ada")
	}
	b := newBrowser()
	lines := w.env.start(pageRequest(), set)
	own := pairsOf(lines)
	name, _, _ := strings.Cut(own[0], ".0=")
	var planted []string
	plant := func() {
		cookieName, value := name+pick("", ".0", ".1", ".2", ".9", ".x"), ""
		switch rng.IntN(4) {
		case 0:
			cookieName = pick(strings.Replace(cookieName, "__", "_ _", 1), strings.ToLower(cookieName), strings.Replace(cookieName, "__Host-", "__Secure-", 1),
				strings.TrimPrefix(cookieName, "__Host-"), strings.Replace(cookieName, "_", "%5F", 2), w.prefixed("LastAuthUser"), w.prefixed("bob.accessToken"))
			cookieName = strings.ReplaceAll(cookieName, " ", "")
		case 1:
			cookieName = cookieName[:len(name)-8] + pick("AAAAAAAA", "BBBBBBBB") + cookieName[len(name):]
		}
		foreignName, foreignValue, _ := strings.Cut(pick(w.foreign...), "=")
		switch rng.IntN(4) {
		case 0:
			value = pick("x", "eyJ", strings.Repeat("A", 3000), foreignValue[:8], "%zz")
		case 1:
			value = foreignValue[:len(foreignValue)-1]
		case 2:
			value = foreignValue
		case 3: // under its own name
			cookieName, value = foreignName, foreignValue
		}
		path := pick("/", "/dashboard", "/dashboard/reports", "/dashboard/reports/today")
		if path == "/" && w.domain != "" && slices.ContainsFunc(own, func(pair string) bool { return strings.HasPrefix(pair, cookieName+"=") }) {
			path = "/dashboard" // a sibling may overwrite cookies of the whole domain
		}
		line := fmt.Sprintf("%s=%s; Secure; Domain=example.com; Path=%s", cookieName, value, path)
		planted = append(planted, line)
		b.setCookie("https://evil.example.com"+path, line)
	}
	n := 1 + rng.IntN(maxPlanted)
	before := rng.IntN(n + 1)
	for range before {
		plant()
	}
	for _, line := range lines {
		b.setCookie(site, line)
	}
	for range n - before {
		plant()
	}
	errorf := func(format string, args ...any) {
		w.t.Helper()
		for i, line := range planted {
			planted[i] = fmt.Sprintf("%.120s", line)
		}
		w.t.Errorf("seed %d, domain %q: %s\nplanted:\n\t%s", seed, w.domain, fmt.Sprintf(format, args...), strings.Join(planted, "\n\t"))
	}
	if rng.IntN(2) == 0 {
		w.setClock(2 * time.Hour) // her tokens expire
	}
	ownNow := make(map[string]string)
	for _, pair := range own {
		cookieName, value, _ := strings.Cut(pair, "=")
		ownNow[cookieName] = value
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
		for _, line := range answer.Header()["Set-Cookie"] {
			b.setCookie(plantedPage, line)
			cookieName, value, _ := strings.Cut(line, "=")
			value, attributes, _ := strings.Cut(value, ";")
			if inOwnScope := strings.Contains(attributes, "Path=/;") &&
				(w.domain == "" && !strings.Contains(attributes, "Domain=") || w.domain != "" && strings.Contains(attributes, "; Domain="+w.domain+";")); inOwnScope && ownNow[cookieName] != "" {
				ownNow[cookieName] = value
			}
		}
		for cookieName, value := range ownNow {
			if value == "" {
				errorf("visit %d: her %s is deleted", visit, cookieName)
				return
			}
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
	for _, line := range answer.Header()["Set-Cookie"] {
		b.setCookie(plantedPage, line)
	}
	var copies []string
	for cookieName, value := range ownNow {
		copies = append(copies, cookieName+"="+value)
	}
	for _, pair := range b.cookiesFor(site) {
		if slices.Contains(copies, pair) {
			errorf("after her sign-out the browser has %.80s", pair)
		}
	}
	if s, err := w.manager.Fetch(nil, pageRequest(copies...), nil); !errors.Is(err, session.ErrSignedOut) {
		errorf("copies of her cookies: %v, %v", s, err)
	}
	if !w.isRevoked(set.Refresh) {
		errorf("her refresh token is not revoked")
	}
}
