package session_test

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// cachedHeap caches sessions with about 2.3 kB of tokens each. It returns how much memory
// one takes, and how much is counted for it.
func cachedHeap(tb testing.TB, sessions int) (measured, counted float64) {
	server := cognitotest.New(ada)
	m, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), CacheBytes: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	edit := func(d *cognitotest.Draft) {
		d.Claims["cognito:groups"] = []string{"admins", "authors"}
		if d.Use == tokens.Access {
			d.Claims["device_key"] = strings.Repeat("d", 150)
		}
	}
	// All sessions share one ID token, and each holds its own copy of the text.
	id := server.Issue("ada", edit).ID
	accesses := make([]string, sessions)
	inParallel(4, sessions, func(i int) { accesses[i] = server.Issue("ada", edit, accessOnly).Access })
	if n := len(accesses[0]) + len(id); n < 2300 || n > 2400 {
		tb.Errorf("the tokens have %d bytes", n)
	}
	prefix := "CognitoIdentityServiceProvider." + server.UserPool().ClientID + "."
	heap := session.HeapInUse()
	for _, access := range accesses {
		// No session may keep its request's header in memory.
		r := pageRequest(prefix+"LastAuthUser=ada", prefix+"ada.accessToken="+access, prefix+"ada.idToken="+id,
			prefix+"ada.signInDetails=%7B%22loginId%22%3A%22ada%22%7D", "theme="+strings.Repeat("x", 8<<10))
		if _, err := m.Fetch(nil, r, nil); err != nil {
			tb.Fatal(err)
		}
	}
	heap = session.HeapInUse() - heap
	n, bytes := m.Cached()
	if n != sessions {
		tb.Fatalf("%d sessions of %d are cached", n, sessions)
	}
	runtime.KeepAlive(accesses)
	return float64(heap) / float64(sessions), float64(bytes) / float64(sessions)
}

// TestCachedSessionIsCountedInFull compares the memory that a cached session takes with
// the size that is counted for it. The cache is bounded by the latter.
func TestCachedSessionIsCountedInFull(t *testing.T) {
	measured, counted := cachedHeap(t, longtest.Scale(100, 500))
	t.Logf("a session takes %.0f bytes, and %.0f are counted", measured, counted)
	if measured > 4500 {
		t.Errorf("a session takes %.0f bytes", measured)
	}
	if counted < measured*0.9 || counted > measured*1.5 {
		t.Errorf("%.0f bytes are counted for %.0f", counted, measured)
	}
}

// BenchmarkCachedSession measures the memory that a cached session with 2.3 kB of tokens
// takes. Target: 4500 bytes.
func BenchmarkCachedSession(b *testing.B) {
	for b.Loop() {
		measured, counted := cachedHeap(b, 2000)
		b.ReportMetric(measured, "B/session")
		b.ReportMetric(counted, "counted-B/session")
	}
}

// TestCachedSessionExpires asks for cached sessions as time goes by. The ID token expires
// before the access token.
func TestCachedSessionExpires(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada", func(d *cognitotest.Draft) {
		if d.Use == tokens.ID {
			d.Claims["exp"] = e.clock().Add(30 * time.Minute).Unix()
		}
	}))...)
	for _, step := range []struct {
		after     time.Duration
		valid, id bool
		cached    int
	}{
		{0, true, true, 1},
		{30*time.Minute - 6*time.Second, true, true, 1},
		{6 * time.Second, true, false, 0},
		{30*time.Minute - time.Second, true, false, 0},
		{time.Second, false, false, 0},
	} {
		e.advance(step.after)
		for range 2 {
			s, err := e.manager.Fetch(nil, r, nil)
			if (err == nil) != step.valid || (s.IDToken() != nil) != step.id || err != nil && !errors.Is(err, tokens.Expired) {
				t.Errorf("at %v: %v with ID token %v, %v", e.clock(), s, s.IDToken(), err)
			}
			if n, bytes := e.manager.Cached(); n != step.cached || n == 0 && bytes != 0 {
				t.Errorf("at %v: %d sessions, %d bytes are cached", e.clock(), n, bytes)
			}
		}
	}

	// The access token alone.
	r = pageRequest(e.cookies("ada", e.server.Issue("ada", accessOnly))...)
	for range 2 {
		if _, err := e.manager.Fetch(nil, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	e.advance(time.Hour)
	if s, err := e.manager.Fetch(nil, r, nil); !errors.Is(err, tokens.Expired) {
		t.Errorf("%v, %v", s, err)
	}
	if n, _ := e.manager.Cached(); n != 0 {
		t.Errorf("%d sessions are cached", n)
	}
}

// TestCachedSessionNeedsItsKeys removes the key of one session's access token and that of
// another's ID token from the key set.
func TestCachedSessionNeedsItsKeys(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	old := e.server.Issue("ada")
	e.server.AddKeys()
	fresh := e.server.Issue("ada")
	oldAccess := pageRequest(e.cookies("ada", &tokens.Set{Access: old.Access, ID: fresh.ID})...)
	oldID := pageRequest(e.cookies("ada", &tokens.Set{Access: fresh.Access, ID: old.ID})...)
	noneOld := pageRequest(e.cookies("ada", fresh)...)
	fetch := func(r *http.Request) (access, id bool) {
		s, err := e.manager.Fetch(nil, r, nil)
		if err != nil && !errors.Is(err, tokens.UnknownKey) {
			t.Error(err)
		}
		return s != nil, s.IDToken() != nil
	}
	for _, r := range []*http.Request{oldAccess, oldID, noneOld} {
		if access, id := fetch(r); !access || !id {
			t.Fatalf("access token %v, ID token %v", access, id)
		}
	}
	if n, _ := e.manager.Cached(); n != 2 { // two share an access token
		t.Fatalf("%d sessions are cached", n)
	}
	if access, id := fetch(oldID); !access || !id { // the one that is cached now
		t.Fatalf("access token %v, ID token %v", access, id)
	}

	e.server.DropOldKeys()
	e.advance(time.Minute)
	// An unknown key makes the key set be fetched.
	fetch(pageRequest(e.cookies("bob", e.server.Issue("bob", func(d *cognitotest.Draft) { d.Header["kid"] = "nobody's" }))...))
	if access, _ := fetch(oldAccess); access {
		t.Error("a session whose access token's key is gone")
	}
	if access, id := fetch(oldID); !access || id {
		t.Errorf("the ID token's key is gone: access token %v, ID token %v", access, id)
	}
	if n, bytes := e.manager.Cached(); n != 0 || bytes != 0 {
		t.Errorf("%d sessions are cached", n)
	}
	if access, id := fetch(noneOld); !access || !id {
		t.Errorf("access token %v, ID token %v", access, id)
	}
}
