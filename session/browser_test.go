package session_test

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/publicsuffix"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// browser keeps cookies by the rules of net/http/cookiejar.
type browser struct {
	storage *cookiejar.Jar
}

func newBrowser() *browser {
	storage, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		panic(err)
	}
	return &browser{storage}
}

// setCookie acts on a Set-Cookie line of an answer from a URL.
func (b *browser) setCookie(from, line string) {
	u, err := url.Parse(from)
	if err != nil {
		panic(err)
	}
	c, err := http.ParseSetCookie(line)
	if err != nil {
		panic(err)
	}
	if strings.HasPrefix(strings.ToLower(c.Name), "__host-") && (c.Domain != "" || c.Path != "/" || !c.Secure) ||
		strings.HasPrefix(strings.ToLower(c.Name), "__") && !c.Secure || c.Secure && u.Scheme != "https" {
		return // RFC 6265bis §5.7
	}
	b.storage.SetCookies(u, []*http.Cookie{c})
}

// setSession sets the cookies of a session, as Amplify does in the browser.
func (b *browser) setSession(e *env, user string, set *tokens.Set) {
	for _, cookie := range e.cookies(user, set) {
		b.setCookie(site, cookie+"; Path=/; Secure; Max-Age=86400")
	}
}

// cookiesFor returns the cookies that the browser sends to a URL.
func (b *browser) cookiesFor(to string) []string {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	var cookies []string
	for _, c := range b.storage.Cookies(u) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return cookies
}

// visit navigates to a URL and acts on the answer.
func (b *browser) visit(to string, handler http.HandlerFunc) {
	r := httptest.NewRequest("GET", to, nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if cookies := b.cookiesFor(to); len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	w := httptest.NewRecorder()
	handler(w, r)
	for _, line := range w.Header()["Set-Cookie"] {
		b.setCookie(to, line)
	}
}

// unreadAnswer is an answer that the browser has not read yet.
type unreadAnswer struct {
	lines   []string // Set-Cookie
	session *session.Session
	err     error
}

type sessionHandler func(http.ResponseWriter, *http.Request) (*session.Session, error)

// send sends a request with the browser's cookies. The browser acts on the answer when
// read is called.
func (b *browser) send(r *http.Request, handler sessionHandler) *unreadAnswer {
	if cookies := b.cookiesFor(site); len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	w := httptest.NewRecorder()
	s, err := handler(w, r)
	logError(err)
	return &unreadAnswer{w.Header()["Set-Cookie"], s, err}
}

func (b *browser) read(answers ...*unreadAnswer) {
	for _, a := range answers {
		for _, line := range a.lines {
			b.setCookie(site, line)
		}
	}
}

// heldEnv is an env with a browser. Replies to refreshes are held until release is
// called. The refreshes have their effect at once.
type heldEnv struct {
	*env
	*browser
	release func()
}

// newHeldEnv makes a heldEnv that rotates refresh tokens without a grace. Its Manager
// knows the keys.
func newHeldEnv(t *testing.T) *heldEnv {
	held := make(chan struct{})
	e := &heldEnv{env: newEnv(t, nil), browser: newBrowser(), release: sync.OnceFunc(func() { close(held) })}
	e.manager = e.newManager(func(c *session.Config) {
		c.HTTPClient = &http.Client{Transport: &holdingTransport{e.server.Client().Transport, held}}
	})
	e.server.SetRotation(true, 0)
	if _, err := e.manager.Fetch(nil, pageRequest(e.cookies("ada", e.server.Issue("ada"))...), nil); err != nil {
		t.Fatal(err)
	}
	return e
}

// holdingTransport holds the replies to refreshes until the channel is closed.
type holdingTransport struct {
	http.RoundTripper
	held chan struct{}
}

func (t *holdingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), opRefresh) {
		select {
		case <-t.held:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return resp, err
}

func (e *heldEnv) get(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	return e.manager.Fetch(w, r, nil)
}

func (e *heldEnv) signOut(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	return nil, e.manager.End(w, r)
}

func (e *heldEnv) signIn(user string) sessionHandler {
	return func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
		return e.manager.Start(w, r, e.server.Issue(user))
	}
}

// expire gives the browser an expired session of ada's.
func (e *heldEnv) expire() *tokens.Set {
	set := e.server.Issue("ada", cognitotest.Expired)
	e.setSession(e.env, "ada", set)
	return set
}

// user sends the browser to a page and returns the user that is signed in, or "".
func (e *heldEnv) user() string {
	a := e.send(pageRequest(), e.get)
	if a.err != nil && !errors.Is(a.err, session.ErrSignedOut) {
		e.t.Errorf("the browser's next page: %v", a.err)
	}
	e.read(a)
	return a.session.User().Username
}

// inBothOrders runs a test in two bubbles: the browser reads the late answer first, or
// last.
func inBothOrders(t *testing.T, f func(t *testing.T, lateFirst bool)) {
	inOrder(t, true, f)
	inOrder(t, false, f)
}

func inOrder(t *testing.T, lateFirst bool, f func(t *testing.T, lateFirst bool)) {
	name := "the browser reads the late answer last"
	if lateFirst {
		name = "the browser reads the late answer first"
	}
	t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, lateFirst) }) })
}
