package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// maxPlanted is how many cookies of ours a case has planted at most.
const maxPlanted = 16

// TestNoPlantedCookieTakesASession plants random sets of cookies in a browser. A victim
// with a valid session is served at once, and one with a refreshable session is
// refreshed, perhaps after several requests. Nothing of hers is deleted. Her sign-out ends
// her session, in this process and at Cognito.
func TestNoPlantedCookieTakesASession(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	inParallel(2, 2, func(i int) {
		rotation := i == 1 // which costs new signatures in every case
		w := newPlantedWorld(t, rotation)
		cases := longtest.Scale(25, 17_000)
		if rotation {
			cases = longtest.Scale(12, 3_000)
		}
		for seed := 0; seed < cases && !t.Failed(); seed++ {
			c := w.newCase(uint64(seed))
			c.visit()
			if rotation { // the session is this case's alone
				c.signOut()
			}
		}
	})
}

// plantedWorld has a Cognito, its users' sessions and what an attacker may plant. Its
// cases share them, because signing tokens is slow.
type plantedWorld struct {
	*env
	start    time.Time
	rotation bool // without a grace
	victims  []*victim
	access   []string // to be planted
	ids      []string
	refresh  []string
	answers  *plantedAnswers      // nil with rotation
	works    map[string]bool      // refresh tokens of another user that work
	expires  map[string]time.Time // by genuine access token of another user
}

// victim is a user whose sessions are attacked.
type victim struct {
	username string
	name     string // in the cookies: the username, another spelling of it, or an alias
	sub      string
	sets     []*tokens.Set // issued at the start
	old      *tokens.Set   // of a sign-in long ago, revoked
	ended    *tokens.Set   // of another sign-in, newer than the sets
	phone    *tokens.Set   // of another device, newer than the sets
}

// plantedCase is one browser with one victim's session, among planted cookies.
type plantedCase struct {
	*plantedWorld
	*browser
	rand    *rand.Rand
	seed    uint64
	victim  *victim
	set     *tokens.Set
	refresh []string        // to be planted
	working map[string]bool // of them, those of another user that work
	expired bool            // the session must be refreshed
	domain  string          // of the victim's cookies; "" is the host alone
	planted []string
	own     map[string]string // the victim's cookies in the browser
	visits  int
}

// plantedPage is the page that all planted cookies are sent to.
const plantedPage = "https://app.example.com/dashboard/reports/today"

func newPlantedWorld(t *testing.T, rotation bool) *plantedWorld {
	users := []cognitotest.User{
		{Username: "ada", Attributes: map[string]string{"email": "ada@example.com"}},
		{Username: "0f9b8c1e", Attributes: map[string]string{"email": "grace@example.com"}},
		{Username: "7d55a0c2", Attributes: map[string]string{"phone_number": "+4915112345678"}},
		{Username: "Edith"},
		{Username: "mallory", Attributes: map[string]string{"email": "grace@example.com", "email_verified": "false"}},
	}
	w := &plantedWorld{env: newEnv(t, nil, users...), works: make(map[string]bool), expires: make(map[string]time.Time)}
	w.start, w.rotation = w.clock(), rotation
	w.server.SetRotation(rotation, 0)
	if !rotation {
		w.answers = &plantedAnswers{cognito: w.server.Client().Transport, env: w.env, answers: make(map[string][]byte), count: make(map[string]int)}
	}
	names := []string{"ada", "Grace@example.com", "+4915112345678", "edith"}
	w.victims = make([]*victim, len(names))
	issueAt := func(d time.Duration, user string, edits ...func(*cognitotest.Draft)) *tokens.Set {
		w.setClock(d)
		return w.server.Issue(user, edits...)
	}
	revoke := func(set *tokens.Set) {
		w.manager.End(httptest.NewRecorder(), pageRequest(w.cookies("any", set)...))
	}
	plant := func(set *tokens.Set) {
		w.access, w.ids = append(w.access, set.Access), append(w.ids, set.ID)
	}
	for i, name := range names {
		v := &victim{username: users[i].Username, name: name}
		for range 3 {
			v.sets = append(v.sets, issueAt(0, v.username))
		}
		v.old, v.ended = issueAt(-300*time.Hour, v.username), issueAt(90*time.Minute, v.username)
		v.phone = issueAt(30*time.Minute, v.username, cognitotest.Device(adasDevice))
		w.setClock(0)
		s, err := w.manager.Fetch(nil, pageRequest(w.cookies("any", v.sets[0])...), nil)
		if err != nil {
			t.Fatal(err)
		}
		v.sub = s.User().ID
		revoke(v.old)
		revoke(v.ended)
		w.victims[i] = v
		plant(&tokens.Set{Access: forge(v.sets[0].Access, i), ID: forge(v.sets[0].ID, i)})
		plant(&tokens.Set{Access: v.sets[0].ID, ID: v.sets[0].Access})
		plant(w.server.Issue(v.username, func(d *cognitotest.Draft) { d.Claims["iss"] = "https://issuer.example" }))
		plant(w.server.Issue(v.username, func(d *cognitotest.Draft) {
			d.Claims["iss"] = strings.Replace(w.server.UserPool().IssuerURL(), "https://", "https://issuer-", 1)
		}))
		plant(w.server.Issue(v.username, func(d *cognitotest.Draft) { d.Header["kid"] = "unknown" }))
	}
	others := w.server.AddClient("2anotherclient", "")
	for _, d := range []time.Duration{-300 * time.Hour, -time.Minute, time.Hour, 3 * time.Hour} {
		set := issueAt(d, "mallory")
		plant(set)
		w.refresh = append(w.refresh, set.Refresh)
		w.works[set.Refresh], w.expires[set.Access] = true, w.clock().Add(time.Hour)
		plant(others.Issue("mallory"))
		w.refresh = append(w.refresh, others.Issue("ada").Refresh)
	}
	plant(w.server.Issue("mallory", machine))
	revoked := issueAt(0, "mallory")
	revoke(revoked)
	plant(revoked)
	w.expires[revoked.Access] = w.clock().Add(time.Hour)
	w.refresh = append(w.refresh, revoked.Refresh, "none", strings.Repeat("A", 5000), "a b")
	for i := range maxPlanted {
		plant(&tokens.Set{Access: fmt.Sprint("garbage.", i), ID: fmt.Sprint("gar.ba.ge", i)})
		w.refresh = append(w.refresh, fmt.Sprint("junk", i))
	}
	return w
}

// setClock sets the clock to a time after the start.
func (w *plantedWorld) setClock(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.start.Add(d)
}

// newCase makes the case of a seed: a process, and a browser with a session and planted
// cookies.
func (w *plantedWorld) newCase(seed uint64) *plantedCase {
	c := &plantedCase{plantedWorld: w, refresh: slices.Clone(w.refresh), browser: newBrowser(), seed: seed, rand: rand.New(rand.NewPCG(14, seed)), own: make(map[string]string)}
	c.victim = w.victims[c.rand.IntN(len(w.victims))]
	c.set = c.victim.sets[c.rand.IntN(len(c.victim.sets))]
	c.expired = c.rand.IntN(2) == 0
	c.working = w.works
	if w.rotation { // earlier cases have used up the others
		w.setClock(0)
		c.set = w.server.Issue(c.victim.username)
		mallorys := w.server.Issue("mallory", noTokens).Refresh
		c.refresh, c.working = append(c.refresh, mallorys, mallorys), map[string]bool{mallorys: true}
	}
	if c.rand.IntN(3) == 0 {
		c.domain = "example.com"
	}
	w.logs.Reset()
	if w.answers != nil {
		w.answers.newCase()
	}
	w.manager = c.newProcess()
	w.setClock(time.Minute)
	n := 1 + c.rand.IntN(maxPlanted)
	before := c.rand.IntN(n + 1)
	for range before {
		c.plant()
	}
	c.signIn()
	if c.rand.IntN(3) == 0 { // this process knows the session before it is attacked
		w.manager.Fetch(httptest.NewRecorder(), c.ownRequest(), nil)
	}
	if c.rand.IntN(4) == 0 { // and another sign-in of the user's, which has ended
		w.manager.End(httptest.NewRecorder(), pageRequest(w.cookies("any", c.victim.ended)...))
	}
	for range n - before {
		c.plant()
	}
	if c.expired {
		w.setClock(2*time.Hour + time.Minute)
	}
	c.removeCompleteSession()
	return c
}

// newProcess returns a Manager that has seen nothing.
func (c *plantedCase) newProcess() *session.Manager {
	return c.newManager(func(cfg *session.Config) {
		cfg.Cookies.Domain = c.domain
		if c.answers != nil {
			cfg.HTTPClient = &http.Client{Transport: c.answers}
		}
	})
}

// signIn has Amplify sign the victim in, in the browser.
func (c *plantedCase) signIn() {
	scope := "; Path=/; Secure; Max-Age=86400"
	if c.domain != "" {
		scope += "; Domain=" + c.domain
	}
	name := func(slot string) string { return c.manager.CookieName(c.victim.name, slot) }
	for _, pair := range [][2]string{
		{name("LastAuthUser"), strings.ReplaceAll(strings.ReplaceAll(c.victim.name, "@", "%40"), "+", "%2B")},
		{name("accessToken"), c.set.Access}, {name("idToken"), c.set.ID}, {name("refreshToken"), c.set.Refresh},
	} {
		c.own[pair[0]] = pair[1]
		c.setCookie(site, pair[0]+"="+pair[1]+scope)
	}
}

// ownRequest returns a request with the victim's own cookies alone.
func (c *plantedCase) ownRequest() *http.Request {
	var cookies []string
	for name, value := range c.own {
		cookies = append(cookies, name+"="+value)
	}
	slices.Sort(cookies)
	return pageRequest(cookies...)
}

// plant has a sibling subdomain set one cookie.
func (c *plantedCase) plant() {
	pick := func(all ...string) string { return all[c.rand.IntN(len(all))] }
	v := c.victim
	slot := pick("LastAuthUser", "accessToken", "accessToken", "accessToken", "idToken", "idToken", "refreshToken", "refreshToken",
		"deviceKey", "deviceGroupKey", "randomPasswordKey", "clockDrift", "signInDetails")
	user, value := v.name, ""
	if c.rand.IntN(4) == 0 {
		user = pick("mallory", v.username, "somebody", "username")
	}
	switch slot {
	case "LastAuthUser":
		value = pick("mallory", "mallory", v.username, "somebody", "username", "%00", "%", strings.ToUpper(v.username))
	case "accessToken":
		value = pick(append(c.access, v.old.Access, v.ended.Access, v.phone.Access, v.phone.Access)...)
	case "idToken":
		value = pick(append(c.ids, v.old.ID, v.ended.ID)...)
	case "refreshToken":
		value = pick(append(c.refresh, v.old.Refresh, v.ended.Refresh)...)
	case "deviceKey":
		value = pick("planted", adasDevice, plantedDevice)
	default:
		value = pick("planted", "1", "{}")
	}
	name := c.manager.CookieName(user, slot)
	if slot != "LastAuthUser" && c.rand.IntN(3) == 0 { // another spelling
		spelled := fmt.Sprintf("%%%02X", user[0]) + strings.ReplaceAll(user[1:], "@", "%40")
		if c.rand.IntN(2) == 0 {
			spelled = strings.ReplaceAll(spelled, "%", "%25")
		}
		name = c.prefixed(spelled + "." + slot)
	}
	path := pick("/", "/dashboard", "/dashboard/reports", plantedPage[len(site)-1:])
	if path == "/" && c.domain != "" {
		path = "/dashboard" // a sibling may overwrite cookies of the whole domain, against which no server can do anything
	}
	line := name + "=" + value + "; Secure; Domain=example.com; Path=" + path
	c.planted = append(c.planted, line)
	c.setCookie("https://evil.example.com"+path, line)
}

// removeCompleteSession deletes a planted LastAuthUser if a complete session of its user
// is planted too. No order can tell that one from a session of the user at the browser.
func (c *plantedCase) removeCompleteSession() {
	var valid, genuine, works bool
	for _, line := range c.planted {
		name, value, _ := strings.Cut(line, "=")
		value, _, _ = strings.Cut(value, ";")
		user := strings.NewReplacer("%25", "", "%6D", "m", "6D", "m").Replace(strings.TrimPrefix(name, c.prefixed("")))
		switch user {
		case "mallory.accessToken":
			if expires, ok := c.expires[value]; ok {
				genuine, valid = true, valid || c.clock().Before(expires)
			}
		case "mallory.refreshToken":
			works = works || c.working[value]
		}
	}
	if !valid && !(genuine && works) {
		return
	}
	for _, line := range c.planted {
		if name, _, _ := strings.Cut(line, "="); name == c.prefixed("LastAuthUser") && strings.Contains(line, "=mallory;") {
			path := line[strings.Index(line, "Path=")+len("Path="):]
			c.setCookie("https://evil.example.com"+path, line+"; Max-Age=0")
		}
	}
}

// request sends a page or a script's request to the process and acts on the answer.
func (c *plantedCase) request() (*session.Session, error) {
	r := httptest.NewRequest("GET", plantedPage, nil)
	r.Header.Set("Sec-Fetch-Mode", []string{"navigate", "cors"}[c.rand.IntN(2)])
	r.Header.Set("Cookie", strings.Join(c.cookiesFor(plantedPage), "; "))
	w := httptest.NewRecorder()
	s, err := c.manager.Fetch(w, r, nil)
	c.visits++
	for _, line := range w.Header()["Set-Cookie"] {
		c.setCookie(plantedPage, line)
		name, value, _ := strings.Cut(line, "=")
		value, _, _ = strings.Cut(value, ";")
		_, own := c.own[name]
		if c.domain == "" {
			own = own && !strings.Contains(line, "; Domain=")
		} else {
			own = own && strings.Contains(line+";", "; Domain="+c.domain+";")
		}
		if own {
			c.own[name] = value // deletions in other scopes come first, and do not count
		}
	}
	for name, value := range c.own {
		if value == "" {
			c.errorf("her %s is deleted", name)
		}
	}
	return s, err
}

// visit has the victim visit the page until she is served, and then once more. Another
// process then finds her own cookies in order.
func (c *plantedCase) visit() {
	retries := 0
	if c.expired { // Cognito is asked about two refresh tokens a request, each with each device
		attempts, devices := 1, 1
		for _, line := range c.planted {
			if strings.Contains(line, ".refreshToken=") {
				attempts++
			}
			if strings.Contains(line, c.victim.phone.Access) {
				devices = 2
			}
		}
		retries = (attempts*devices + 1) / 2
	}
	for i := 0; i < 2 && !c.t.Failed(); i++ {
		s, err := c.request()
		for n := 0; n < retries && errors.Is(err, tokens.ErrUnavailable); n++ {
			c.advance(61 * time.Second)
			s, err = c.request()
		}
		c.check(s, err)
	}
	s, err := c.newProcess().Fetch(httptest.NewRecorder(), c.ownRequest(), nil)
	c.check(s, err)
}

// signOut has the victim sign out among the planted cookies.
func (c *plantedCase) signOut() {
	r := pageRequest(c.cookiesFor(plantedPage)...)
	r.URL.Path = "/dashboard/reports/today"
	w := httptest.NewRecorder()
	if err := c.manager.End(w, r); errors.Is(err, tokens.ErrUnavailable) {
		c.errorf("her sign-out: %v", err)
	}
	for _, line := range w.Header()["Set-Cookie"] {
		c.setCookie(plantedPage, line)
	}
	for _, pair := range c.cookiesFor(site) {
		if name, value, _ := strings.Cut(pair, "="); c.own[name] == value && !strings.HasSuffix(name, "LastAuthUser") {
			c.errorf("after her sign-out the browser has her %s", name)
		}
	}
	for name, value := range c.own {
		if strings.HasSuffix(name, ".refreshToken") && !c.isRevoked(value) {
			c.errorf("her refresh token is not revoked")
		}
	}
	if s, err := c.manager.Fetch(httptest.NewRecorder(), c.ownRequest(), nil); !errors.Is(err, session.ErrSignedOut) {
		c.errorf("copies of her cookies: %v, %v", s, err)
	}
}

// check checks that the session is the victim's.
func (c *plantedCase) check(s *session.Session, err error) {
	switch id := s.IDToken(); {
	case err != nil:
		c.errorf("%v", err)
	case s.User().ID != c.victim.sub || s.AccessToken().Subject() != c.victim.sub:
		c.errorf("she is served the session of %v", s.User())
	case id != nil && id.Subject() != c.victim.sub:
		c.errorf("her session has the ID token of %v", id)
	}
}

func (c *plantedCase) errorf(format string, args ...any) {
	c.t.Helper()
	text := strings.NewReplacer(c.prefixed(""), "")
	var planted []string
	for _, line := range c.planted {
		if len(line) > 300 {
			line = line[:strings.Index(line, "=")] + "=…" + line[strings.Index(line, ";")-12:]
		}
		planted = append(planted, text.Replace(line))
	}
	c.t.Errorf("seed %d, %s as %s, expired %t, domain %q, visit %d: %s\nplanted:\n\t%s", c.seed, c.victim.username, c.victim.name, c.expired, c.domain,
		c.visits, fmt.Sprintf(format, args...), strings.Join(planted, "\n\t"))
}
