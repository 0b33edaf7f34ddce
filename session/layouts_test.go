package session_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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
	"github.com/cognitogate/cognitogate/tokens"
)

// testLayout is how the tests of sessions write and read the cookies of a layout. They
// speak of Amplify's cookies: "ada.accessToken" is the access token of ada's session.
type testLayout interface {
	configure(*session.Config)
	cookies(e *env, user string, set *tokens.Set) []string
	changes(e *env, lines []string) map[string]string
	value(e *env, lines []string, name string) string
}

// testLayouts are the layouts that the tests of sessions run on.
var testLayouts = map[session.Layout]func() testLayout{
	session.LayoutAmplify: func() testLayout { return amplifyTestLayout{} },
	session.LayoutSealed:  func() testLayout { return &sealedTestLayout{names: make(map[string]string)} },
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

// TestOtherLayouts runs all other tests on every layout but Amplify's, with the loads of
// make test. In make test it runs one of them.
func TestOtherLayouts(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for layout := range testLayouts {
		if layout == session.LayoutAmplify {
			continue
		}
		pattern := longtest.Scale("^TestPageAfterSignIn$", "^Test")
		cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.timeout=10m")
		cmd.Env = append(os.Environ(), longtest.Variable+"=", layoutVariable+"="+string(layout))
		out, err := cmd.CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("no tests to run")) {
			t.Errorf("%s: %v\n%s", layout, err, out)
		}
	}
}

// amplifyTestLayout is LayoutAmplify.
type amplifyTestLayout struct{}

func (amplifyTestLayout) configure(*session.Config) {}

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

// codec seals and opens the cookies of an env's app client.
func (l *sealedTestLayout) codec(e *env) *sealedcookie.Codec {
	pool := e.server.UserPool()
	c, err := sealedcookie.New(sealedcookie.Prefix(pool.ClientID, cookie.Attributes(e.attributes)), pool.ID, pool.ClientID, e.managersNow, e.secrets...)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// cookies returns the cookies of a session that began now. All sets of one sign-in have
// the same name, if their access tokens can be read.
func (l *sealedTestLayout) cookies(e *env, user string, set *tokens.Set) (cookies []string) {
	var claims struct {
		OriginID string `json:"origin_jti"`
		Expires  int64  `json:"exp"`
	}
	if parts := strings.Split(set.Access, "."); len(parts) == 3 {
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		json.Unmarshal(text, &claims)
	}
	signIn := "origin " + claims.OriginID
	if claims.OriginID == "" {
		signIn = "token " + set.Access
	}
	codec := l.codec(e)
	name := codec.Name(signIn)
	l.mu.Lock()
	l.names[name] = user
	l.mu.Unlock()
	for _, c := range codec.Seal(name, &sealedcookie.Session{
		User: user, Access: set.Access, ID: set.ID, Refresh: set.Refresh,
		SignedIn: e.managersNow(), Refreshed: e.managersNow(), Expires: time.Unix(claims.Expires, 0),
	}, e.managersNow().Add(365*24*time.Hour)) {
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
