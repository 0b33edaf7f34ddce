package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

// testLayout is how the tests of sessions write and read the cookies of a layout. They
// speak of Amplify's cookies: "ada.accessToken" is the access token of ada's session.
type testLayout interface {
	configure(*session.Config)
	cookies(e *env, user string, set *tokens.Set) []string
	changes(e *env, lines []string) map[string]string
	value(e *env, lines []string, name string) string

	// after returns the lines of an answer to a request, once act has answered it, with one
	// for each change that the browser does not see.
	after(e *env, r *http.Request, act func() []string) []string
}

// testLayouts are the layouts that the tests of sessions run on.
var testLayouts = map[session.Layout]func() testLayout{
	session.LayoutAmplify: func() testLayout { return amplifyTestLayout{} },
	session.LayoutSealed:  func() testLayout { return &sealedTestLayout{names: make(map[string]string)} },
	session.LayoutHandle: func() testLayout {
		return &handleTestLayout{store: storetest.NewMemory(), users: make(map[string]bool)}
	},
}

// layoutVariable names the environment variable that chooses the layout of a test run.
const layoutVariable = "COGNITOGATE_TEST_LAYOUT"

// layoutName returns the layout of this test run.
func layoutName() session.Layout {
	if name := os.Getenv(layoutVariable); name != "" {
		return session.Layout(name)
	}
	return session.LayoutAmplify
}

// layoutOfTests returns the layout that an env of this test run has.
func layoutOfTests() testLayout { return testLayouts[layoutName()]() }

// amplifyOnly is called by tests of the names, the values and the duplicates of Amplify's
// cookies. Other layouts have none of them.
func amplifyOnly(t testing.TB) {
	t.Helper()
	if layoutName() != session.LayoutAmplify {
		t.Skip("this test is of Amplify's cookies")
	}
}

// tokensInCookies is called by tests of answers that carry tokens, and may be lost or come
// late, and of stores that sessions do without. In LayoutHandle the store has the tokens.
func tokensInCookies(t testing.TB) {
	t.Helper()
	if layoutName() == session.LayoutHandle {
		t.Skip("this test is of tokens in cookies")
	}
}

// withoutStore is called by tests of a process that refreshes for itself, whose bounds and
// memory are others. LayoutHandle needs a store.
func withoutStore(t testing.TB) {
	t.Helper()
	if layoutName() == session.LayoutHandle {
		t.Skip("this test is of a process without a store")
	}
}

// TestOtherLayouts runs all other tests on every layout but Amplify's, with the loads of
// make test. In make test it runs one of them.
func TestOtherLayouts(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for layout := range testLayouts {
		if layout == session.LayoutAmplify {
			continue
		}
		t.Run(string(layout), func(t *testing.T) {
			t.Parallel()
			pattern := longtest.Scale("^TestPageAfterSignIn$", "^Test")
			cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.timeout=10m")
			cmd.Env = append(os.Environ(), longtest.Variable+"=", layoutVariable+"="+string(layout))
			out, err := cmd.CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("no tests to run")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// amplifyTestLayout is LayoutAmplify.
type amplifyTestLayout struct{}

func (amplifyTestLayout) configure(*session.Config) {}

func (amplifyTestLayout) after(_ *env, _ *http.Request, act func() []string) []string { return act() }

// cookies returns the cookies of a session in Amplify's order.
func (amplifyTestLayout) cookies(e *env, user string, set *tokens.Set) []string {
	return []string{
		e.prefixed("LastAuthUser") + "=" + user,
		e.prefixed(user+".accessToken") + "=" + set.Access,
		e.prefixed(user+".idToken") + "=" + set.ID,
		e.prefixed(user+".refreshToken") + "=" + set.Refresh,
	}
}

func (amplifyTestLayout) changes(e *env, lines []string) map[string]string {
	changes := make(map[string]string)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		name = strings.TrimPrefix(name, e.prefixed(""))
		if strings.HasPrefix(value, ";") {
			if changes[name] == "" {
				changes[name] = "cleared"
			}
		} else {
			changes[name] = "set"
		}
	}
	return changes
}

func (amplifyTestLayout) value(e *env, lines []string, name string) string {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, e.prefixed(name)+"="); ok {
			value, _, _ := strings.Cut(rest, ";")
			return value
		}
	}
	return ""
}

// sealedSecret is the secret of sealed sessions in tests.
var sealedSecret = bytes.Repeat([]byte("sealed:"), 5)

// sealedTestLayout is LayoutSealed.
type sealedTestLayout struct {
	mu    sync.Mutex
	names map[string]string // the users of the cookies that were made, by name
}

func (l *sealedTestLayout) configure(cfg *session.Config) {
	cfg.Layout, cfg.Secret = session.LayoutSealed, sealedSecret
}

func (*sealedTestLayout) after(_ *env, _ *http.Request, act func() []string) []string { return act() }

// codec seals and opens the cookies of an env's app client.
func (l *sealedTestLayout) codec(e *env) *sealedcookie.Codec {
	pool := e.server.UserPool()
	c, err := sealedcookie.New(sealedcookie.Prefix(pool.ClientID, cookie.Attributes(e.attributes)), pool.ID, pool.ClientID, e.managersNow, e.secrets...)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// unverifiedClaims are those of an access token, if it can be read.
type unverifiedClaims struct {
	OriginID string `json:"origin_jti"`
	Expires  int64  `json:"exp"`
}

func unverifiedClaimsOf(access string) (claims unverifiedClaims) {
	if parts := strings.Split(access, "."); len(parts) == 3 {
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		json.Unmarshal(text, &claims)
	}
	return claims
}

// contentOf returns what is sealed of a session that began now.
func contentOf(e *env, user string, set *tokens.Set) *sealedcookie.Session {
	return &sealedcookie.Session{
		User: user, Access: set.Access, ID: set.ID, Refresh: set.Refresh,
		SignedIn: e.managersNow(), Refreshed: e.managersNow(), Expires: time.Unix(unverifiedClaimsOf(set.Access).Expires, 0),
	}
}

// cookies returns the cookies of a session that began now. All sets of one sign-in have
// the same name, if their access tokens can be read.
func (l *sealedTestLayout) cookies(e *env, user string, set *tokens.Set) (cookies []string) {
	claims := unverifiedClaimsOf(set.Access)
	signIn := "origin " + claims.OriginID
	if claims.OriginID == "" {
		signIn = "token " + set.Access
	}
	codec := l.codec(e)
	name := codec.Name(signIn)
	l.mu.Lock()
	l.names[name] = user
	l.mu.Unlock()
	for _, c := range codec.Seal(name, contentOf(e, user, set), e.managersNow().Add(365*24*time.Hour)) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return cookies
}

// open returns the sessions that lines set, and the names of the cookies that they only
// delete.
func (l *sealedTestLayout) open(e *env, lines []string) (set map[string]*sealedcookie.Session, deleted []string) {
	codec := l.codec(e)
	values := make(map[string][]string)
	set = make(map[string]*sealedcookie.Session)
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		cookieName, value, _ := strings.Cut(pair, "=")
		name, _, ok := codec.Parse(cookieName)
		switch {
		case !ok:
		case value == "":
			deleted = append(deleted, name)
		default:
			values[name] = append(values[name], value)
		}
	}
	for name, v := range values {
		s, ok := codec.Open(name, v)
		if !ok {
			e.t.Errorf("the cookies of %s cannot be opened", name)
			continue
		}
		set[name] = s
		l.mu.Lock()
		l.names[name] = s.User
		l.mu.Unlock()
	}
	return set, deleted
}

func (l *sealedTestLayout) changes(e *env, lines []string) map[string]string {
	changes := make(map[string]string)
	set, deleted := l.open(e, lines)
	for _, name := range deleted {
		l.mu.Lock()
		user := l.names[name]
		l.mu.Unlock()
		if set[name] == nil {
			for _, of := range []string{"LastAuthUser", user + ".accessToken", user + ".idToken", user + ".refreshToken"} {
				changes[of] = "cleared"
			}
		}
	}
	for _, s := range set {
		changes["LastAuthUser"] = "set"
		for slot, text := range map[string]string{"accessToken": s.Access, "idToken": s.ID, "refreshToken": s.Refresh} {
			if text != "" {
				changes[s.User+"."+slot] = "set"
			}
		}
	}
	return changes
}

func (l *sealedTestLayout) value(e *env, lines []string, name string) string {
	set, _ := l.open(e, lines)
	for _, s := range set {
		switch name {
		case "LastAuthUser":
			return s.User
		case s.User + ".accessToken":
			return s.Access
		case s.User + ".idToken":
			return s.ID
		case s.User + ".refreshToken":
			return s.Refresh
		}
	}
	return ""
}

// handleTestLayout is LayoutHandle.
type handleTestLayout struct {
	store *storetest.Memory // unless the test sets another one

	mu    sync.Mutex
	users map[string]bool // of all sessions
}

func (l *handleTestLayout) configure(cfg *session.Config) {
	l.store.SetNow(cfg.Now)
	cfg.Layout, cfg.Secret, cfg.Shared = session.LayoutHandle, sealedSecret, l.store
}

func (l *handleTestLayout) handles(e *env) *sealedcookie.Handles {
	h, err := sealedcookie.NewHandles(e.server.UserPool().ID, e.server.UserPool().ClientID, e.managersNow, e.secrets...)
	if err != nil {
		e.t.Fatal(err)
	}
	return h
}

// memory returns the store of the env's latest Manager.
func (l *handleTestLayout) memory(e *env) session.Store {
	if faulty, ok := e.store.(*faultyStore); ok {
		return faulty.Memory
	}
	return e.store
}

func (l *handleTestLayout) cookieName(e *env) string {
	return sealedcookie.Prefix(e.server.UserPool().ClientID, cookie.Attributes(e.attributes)) + sealedcookie.HandleName
}

func (l *handleTestLayout) cookies(e *env, user string, set *tokens.Set) []string {
	l.mu.Lock()
	l.users[user] = true
	l.mu.Unlock()
	handles := l.handles(e)
	h := handles.New()
	const keep = 365 * 24 * time.Hour
	if _, err := l.memory(e).Add(context.Background(), h.Key, handles.Seal(h, contentOf(e, user, set), e.managersNow().Add(keep)), keep); err != nil {
		e.t.Error(err)
	}
	return []string{l.cookieName(e) + "=" + h.Text}
}

// read returns the record of a handle, and the session in it. There may be none.
func (l *handleTestLayout) read(e *env, handle string) (record []byte, s *sealedcookie.Session) {
	handles := l.handles(e)
	h, ok := handles.Parse(handle)
	if !ok {
		return nil, nil
	}
	record, err := l.memory(e).Get(context.Background(), h.Key)
	if err != nil {
		e.t.Error(err)
	}
	s, _ = handles.Open(h, record)
	return record, s
}

// after adds a line with the handle if its record has changed.
func (l *handleTestLayout) after(e *env, r *http.Request, act func() []string) []string {
	shown := make(map[string][]byte)
	for _, c := range r.CookiesNamed(l.cookieName(e)) {
		shown[c.Value], _ = l.read(e, c.Value)
	}
	lines := act()
	for handle, before := range shown {
		if record, _ := l.read(e, handle); record != nil && !bytes.Equal(record, before) {
			lines = append(lines, l.cookieName(e)+"="+handle+"; the record has changed")
		}
	}
	return lines
}

func (l *handleTestLayout) changes(e *env, lines []string) map[string]string {
	changes := make(map[string]string)
	for _, line := range lines {
		value, ok := strings.CutPrefix(line, l.cookieName(e)+"=")
		if !ok {
			continue
		}
		if value, _, _ = strings.Cut(value, ";"); value == "" {
			changes["LastAuthUser"] = "cleared"
			l.mu.Lock()
			for user := range l.users {
				for _, slot := range []string{"accessToken", "idToken", "refreshToken"} {
					changes[user+"."+slot] = "cleared"
				}
			}
			l.mu.Unlock()
			continue
		}
		_, s := l.read(e, value)
		if s == nil {
			continue
		}
		l.mu.Lock()
		l.users[s.User] = true
		l.mu.Unlock()
		changes["LastAuthUser"] = "set"
		for slot, text := range map[string]string{"accessToken": s.Access, "idToken": s.ID, "refreshToken": s.Refresh} {
			if text != "" {
				changes[s.User+"."+slot] = "set"
			}
		}
	}
	return changes
}

func (l *handleTestLayout) value(e *env, lines []string, name string) string {
	for _, line := range lines {
		value, ok := strings.CutPrefix(line, l.cookieName(e)+"=")
		if value, _, _ = strings.Cut(value, ";"); !ok || value == "" {
			continue
		}
		if _, s := l.read(e, value); s != nil {
			switch name {
			case "LastAuthUser":
				return s.User
			case s.User + ".accessToken":
				return s.Access
			case s.User + ".idToken":
				return s.ID
			case s.User + ".refreshToken":
				return s.Refresh
			}
		}
	}
	return ""
}
