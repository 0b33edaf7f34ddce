package middleware_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// soakBrowser is a browser with what must be true of it: who is signed in.
type soakBrowser struct {
	w      *soakSite
	jar    *cookiejar.Jar
	origin *url.URL
	names  [2]string // of whom the first is an admin
	user   string    // who is signed in, "" for nobody

	settled  bool         // in this round
	owes     bool         // a refresh of the browser's own that has failed: Amplify tries again
	refused  atomic.Value // in this step: why
	accepted atomic.Value // an access token that the site has believed
}

func (w *soakSite) newBrowser(i int) *soakBrowser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	origin, err := url.Parse(w.site.URL)
	if err != nil {
		w.Fatal(err)
	}
	b := &soakBrowser{w: w, jar: jar, origin: origin, names: [2]string{fmt.Sprint("ada", i), fmt.Sprintf("bob+%d@example.com", i)}}
	w.cognito.SetUser(cognitotest.User{Username: b.names[0], Groups: []string{"admins"}})
	w.cognito.SetUser(cognitotest.User{Username: b.names[1]})
	return b
}

type soakRequest struct {
	method, target string
	page           bool
}

var (
	soakReload   = soakRequest{"GET", "/private", true}
	soakRequests = []soakRequest{
		soakReload,
		{"HEAD", "/private", true},
		{"GET", "/admin", true},
		{"GET", "/home", true},
		{"GET", "/public", true},
		{"GET", "/private", false},
		{"GET", "/stream", false},
		{"GET", "/api/me", false},
		{"GET", "/fresh", false},
	}
	soakScripts = soakRequests[5:]
)

// act is one step of a browser. What is true after it holds whichever way the
// requests of the step have crossed each other.
func (b *soakBrowser) act() {
	switch n := rand.N(20); {
	case b.user == "" && n < 12, n < 2:
		// As another user, or as the same anew, while scripts of the old page still ask.
		// Pages do not: a browser drops a page that it awaits when it asks for the next.
		name := b.names[rand.N(2)]
		b.while(soakScripts, false, func() { b.signIn(name) })
		if why, _ := b.refused.Swap("").(string); why != "" {
			b.lose(why) // and there is another session by now
		}
	case b.user != "" && n < 4:
		b.while(soakRequests, true, func() {
			<-time.After(rand.N(20 * time.Millisecond)) // so that some pages are on their way
			b.signOut()
		})
		if b.ask(context.Background(), soakReload, true) == http.StatusOK {
			b.w.wrongf("%s is signed in again after signing out", b.user)
		}
		b.user = ""
	case b.user != "" && n < 7 && b.w.run.grace > 0:
		b.while(soakRequests, false, b.refreshOwn)
	// With a grace of 0 nobody could win a race, not even with a forced refresh that the
	// browser does not wait for any more.
	case n == 7:
		b.forge()
	default:
		b.while(soakRequests, false, func() {})
	}
	b.confirm()
}

// while sends requests and does something meanwhile. With mayEnd that is a sign-out,
// which some requests may see already.
func (b *soakBrowser) while(kinds []soakRequest, mayEnd bool, do func()) {
	var wg sync.WaitGroup
	refusable := mayEnd || b.user == ""
	for range rand.N(6) {
		kind, ctx, stop := kinds[rand.N(len(kinds))], context.Background(), func() {}
		if rand.N(10) == 0 {
			ctx, stop = context.WithTimeout(ctx, rand.N(10*time.Millisecond))
		}
		wg.Go(func() {
			defer stop()
			b.ask(ctx, kind, refusable)
		})
	}
	do()
	wg.Wait()
}

// confirm has a look at a browser that was refused though it has not signed out: its
// session is lost, and it signs in anew, or the answer was wrong.
func (b *soakBrowser) confirm() (lost bool) {
	why, _ := b.refused.Swap("").(string)
	if why == "" {
		return false
	}
	switch status := b.ask(context.Background(), soakReload, true); {
	case status == http.StatusTemporaryRedirect:
	case status == http.StatusServiceUnavailable: // Cognito has failed for a planted refresh token
		b.refused.CompareAndSwap("", why)
		return false
	case status == http.StatusOK && strings.Contains(why, "this user's refreshes are refused"):
		return false // the cookies were kept for it
	default:
		b.w.wrongf("%s was refused, and then answered %d: %s", b.user, status, why)
		return false
	}
	b.lose(why)
	b.user = ""
	b.signIn(b.names[rand.N(2)])
	return true
}

func (b *soakBrowser) lose(why string) {
	if b.w.lost.Add(1) <= 10 && !b.w.run.lossy {
		b.w.Logf("%s has lost the session: %s", b.user, why)
	}
}

// reload asks for the page, five seconds apart, until it is answered and the tokens are
// fresh, when Cognito is well again. It does so four times in any case: after a refresh
// ahead of time has failed, there is none for ten seconds, and who leaves for hours
// before may lose what Cognito has rotated.
func (b *soakBrowser) reload(n int, last bool) {
	status := b.ask(context.Background(), soakReload, b.user == "")
	if b.owes && status == http.StatusOK { // and so the browser has the newest refresh token
		b.refreshOwn()
		status = b.ask(context.Background(), soakReload, b.user == "")
	}
	stale := status == http.StatusOK && b.stale()
	if b.settled = last || n >= 3 && !stale && status != http.StatusServiceUnavailable; !b.settled {
		return
	}
	if b.confirm() {
		return
	}
	want := http.StatusOK
	if b.user == "" {
		want = http.StatusTemporaryRedirect
	}
	stale = stale && !b.w.run.lossy // else it is served until it expires, and lost then
	if _, user := b.cookies(); stale || status != want || b.user != "" && user != b.user {
		b.w.wrongf("%q is signed in and has the cookies of %q; the page is answered %d; stale: %t", b.user, user, status, stale)
	}
}

// stale reports whether a refresh is due.
func (b *soakBrowser) stale() bool {
	cookies, user := b.cookies()
	return !expiry(token(cookies, user, "accessToken")).After(b.w.clock.Now().Add(soakRefreshBefore))
}

// cookies are those of the jar, and whose they are.
func (b *soakBrowser) cookies() (all []*http.Cookie, user string) {
	all = b.jar.Cookies(b.origin)
	for _, c := range all {
		if strings.HasSuffix(c.Name, ".LastAuthUser") {
			user = c.Value
		}
	}
	user, err := url.PathUnescape(user)
	if err != nil {
		b.w.wrongf("LastAuthUser: %v", err)
	}
	return all, user
}

// token is a token of a user among cookies.
func token(cookies []*http.Cookie, user, slot string) string {
	for _, c := range cookies {
		if name, err := url.PathUnescape(c.Name); err == nil && strings.HasSuffix(name, "."+user+"."+slot) {
			return c.Value
		}
	}
	return ""
}

// send sends a request with these cookies and has the jar keep those of the answer.
func (b *soakBrowser) send(ctx context.Context, k soakRequest, cookies []*http.Cookie) (resp *http.Response, body string, ok bool) {
	r, err := http.NewRequestWithContext(ctx, k.method, b.origin.String()+k.target, nil)
	if err != nil {
		b.w.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", map[bool]string{true: "navigate", false: "cors"}[k.page])
	for _, c := range append(b.planted(cookies), cookies...) {
		r.AddCookie(c)
	}
	b.w.requests.Add(1)
	_, impatient := ctx.Deadline()
	transport := b.w.toSite
	if impatient { // its connections may be cut while they are handed to the next request
		transport = b.w.hasty
	}
	resp, err = transport.RoundTrip(r)
	if err != nil {
		if !impatient {
			b.w.wrongf("%s: %v", k.target, err)
		}
		b.w.cancelled.Add(1)
		return nil, "", false
	}
	defer resp.Body.Close()
	// The jar's clock is the real one, by which all redirects are within a minute.
	b.jar.SetCookies(b.origin, slices.DeleteFunc(resp.Cookies(), isRedirectMarker))
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.cancelled.Add(1)
		return nil, "", false
	}
	return resp, string(text), true
}

// ask sends a request and checks its answer. Whoever is not signed in, or about to
// sign out, may be refused. It returns the status, or 0 if the browser did not wait.
func (b *soakBrowser) ask(ctx context.Context, k soakRequest, refusable bool) int {
	cookies, user := b.cookies()
	access := token(cookies, user, "accessToken")
	valid := access != "" && b.accepted.Load() == access && expiry(access).After(b.w.clock.Now().Add(time.Minute))
	// An outage is none for somebody whose token is valid and was seen before.
	mayFail := user != "" && (!valid || k.target == "/fresh")
	resp, body, ok := b.send(ctx, k, cookies)
	if !ok {
		return 0
	}
	wrong := func(what string) {
		b.w.wrongf("%s %s of %q, valid %t: %s: %s %.60q", k.method, k.target, user, valid, what, resp.Status, body)
	}
	if cc := resp.Header.Get("Cache-Control"); len(resp.Header["Set-Cookie"]) > 0 && !strings.Contains(cc, "no-store") {
		wrong("cookies may be cached")
	}
	for _, c := range resp.Cookies() {
		name, _ := url.PathUnescape(c.Name)
		value, _ := url.PathUnescape(c.Value)
		switch deleted := c.MaxAge < 0; {
		case isRedirectMarker(c):
		case !k.page && deleted:
			wrong("a script's answer deletes " + name)
		case strings.Contains(name, "."+user+"."):
		case k.page && strings.HasSuffix(name, ".LastAuthUser") && (deleted || value == user):
		default:
			wrong("a cookie of another's: " + name)
		}
	}
	switch k.target {
	case "/public":
		if resp.StatusCode != http.StatusOK || body != "-" || len(resp.Header["Set-Cookie"]) > 0 {
			wrong("a public page")
		}
		return resp.StatusCode
	case "/home":
		if resp.StatusCode != http.StatusOK || body != user && (body != "-" || user != "" && !refusable && !mayFail) {
			wrong("a page for everybody")
		}
		return resp.StatusCode
	}
	switch resp.StatusCode {
	case http.StatusOK:
		if user == "" || body != user && k.method != http.MethodHead || k.target == "/admin" && user != b.names[0] {
			wrong("another's session")
		}
		if fresh := setCookie(resp, "accessToken"); fresh != "" {
			access = fresh
		}
		b.accepted.Store(access)
	case http.StatusForbidden:
		if user == "" || k.target != "/admin" || user == b.names[0] {
			wrong("forbidden")
		}
	case http.StatusServiceUnavailable:
		if !mayFail || resp.Header.Get("Retry-After") == "" {
			wrong("an outage")
		}
	case map[bool]int{true: http.StatusTemporaryRedirect, false: http.StatusUnauthorized}[k.page]:
		if user != "" && !refusable {
			b.refused.Store(resp.Header.Get("Soak-Why"))
		}
	default:
		wrong("neither")
	}
	return resp.StatusCode
}

func (b *soakBrowser) signIn(name string) {
	cookies, _ := b.cookies()
	resp, body, ok := b.send(context.Background(), soakRequest{"POST", "/sign-in?user=" + url.QueryEscape(name), true}, cookies)
	switch {
	case !ok:
	case resp.StatusCode == http.StatusOK && body == name:
		b.user = name
		b.accepted.Store(setCookie(resp, "accessToken"))
	case resp.StatusCode != http.StatusServiceUnavailable: // a new key that cannot be fetched now
		b.w.wrongf("sign-in: %s %s", resp.Status, body)
	}
}

func (b *soakBrowser) signOut() {
	cookies, _ := b.cookies()
	if resp, _, ok := b.send(context.Background(), soakRequest{"POST", "/sign-out", true}, cookies); ok && resp.StatusCode != http.StatusOK {
		b.w.wrongf("sign-out: %s", resp.Status)
	}
}

// refreshOwn refreshes as Amplify does in a browser: it asks Cognito itself, writes
// what it gets, and is signed out when its refresh token is refused.
func (b *soakBrowser) refreshOwn() {
	cookies, user := b.cookies()
	b.w.own.Add(1)
	b.owes = false
	set, err := b.w.amplify.Refresh(context.Background(), token(cookies, user, "refreshToken"), nil)
	var refusal *tokens.APIError
	switch {
	case err == nil:
		for _, c := range cookies {
			for slot, value := range map[string]string{"accessToken": set.Access, "idToken": set.ID, "refreshToken": set.Refresh} {
				if strings.HasSuffix(c.Name, "."+slot) && token([]*http.Cookie{c}, user, slot) != "" {
					c.Value = value
				}
			}
			c.Path, c.MaxAge = "/", 1<<20
		}
		b.jar.SetCookies(b.origin, cookies)
	case errors.As(err, &refusal) && (refusal.SignedOut() || refusal.Code == "RefreshTokenReuseException"):
		for _, c := range cookies {
			c.Path, c.MaxAge = "/", -1
		}
		b.jar.SetCookies(b.origin, cookies)
		b.lose("a refresh of the browser's own: " + err.Error())
		b.user = ""
	default:
		b.owes = true
	}
}

// forge asks with cookies that nobody has issued.
func (b *soakBrowser) forge() {
	cookies, user := b.cookies()
	if user == "" {
		return
	}
	forged := token(cookies, user, "accessToken")
	switch part := strings.Split(forged, "."); {
	case rand.N(2) == 0:
		forged = "garbage"
	case len(part) == 3: // the other user's, with the signature of this one's
		claims, _ := base64.RawURLEncoding.DecodeString(part[1])
		claims = []byte(strings.ReplaceAll(string(claims), user, b.names[0]+"x"))
		forged = part[0] + "." + base64.RawURLEncoding.EncodeToString(claims) + "." + part[2]
	}
	left := cookies[:0]
	for _, c := range cookies {
		if !strings.HasSuffix(c.Name, ".refreshToken") {
			left = append(left, c)
		}
		if strings.HasSuffix(c.Name, ".accessToken") {
			c.Value = forged
		}
	}
	jar := b.jar // the answer deletes what the browser has not
	defer func() { b.jar = jar }()
	b.jar, _ = cookiejar.New(nil)
	resp, body, ok := b.send(context.Background(), soakReload, left)
	if ok && resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusServiceUnavailable { // its key is not known
		b.w.wrongf("a forged token: %s %s", resp.Status, body)
	}
}

// setCookie is what an answer sets a slot to.
func setCookie(resp *http.Response, slot string) string {
	for _, c := range resp.Cookies() {
		if strings.HasSuffix(c.Name, "."+slot) {
			return c.Value
		}
	}
	return ""
}

// expiry is when an access token expires.
func expiry(raw string) time.Time {
	var claims struct{ Exp int64 }
	if part := strings.Split(raw, "."); len(part) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(part[1])
		_ = json.Unmarshal(payload, &claims)
	}
	return time.Unix(claims.Exp, 0)
}
