package session_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// inParallel calls f for 0 to n-1 from so many goroutines.
func inParallel(goroutines, n int, f func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range goroutines {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// accessOnly leaves out the ID token: what is not signed takes no time.
func accessOnly(d *cognitotest.Draft) {
	if d.Use == tokens.ID {
		d.Claims = nil
	}
}

// sendForgeries sends so many forged tokens, of all kinds that cost no signature
// check, and some that do.
func sendForgeries(t *testing.T, cheap, dear int) {
	p := open(t, func(c *session.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	set := p.pool.Issue("ada")
	header, rest, _ := strings.Cut(set.Access, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	cheaply := func(i int) string {
		switch i % 5 {
		case 0:
			return fmt.Sprint("no token ", i)
		case 1:
			return fmt.Sprint(i, ".", payload, ".", signature)
		case 2:
			return encode(fmt.Sprintf(`{"kid":"%d","alg":"none"}`, i)) + "." + payload + "." + signature
		case 3:
			return encode(fmt.Sprintf(`{"kid":"%d","alg":"RS256"}`, i)) + "." + payload + "." + signature
		}
		return header + "." + encode(fmt.Sprintf(`{"iss":"https://%d"}`, i)) + "." + signature
	}
	dearly := func(i int) string { return header + "." + payload + "." + encode(fmt.Sprintf("%0256d", i)) }
	run := func(n int, idToken string, forge func(i int) string) {
		before := p.key("LastAuthUser") + "=ada; " + p.key("ada.idToken") + "=" + idToken + "; " + p.key("ada.accessToken") + "="
		inParallel(4, n, func(i int) {
			r := &http.Request{Method: "GET", Header: http.Header{"Cookie": {before + forge(i)}, "Sec-Fetch-Mode": {"cors"}}}
			if s, err := p.m.Fetch(httptest.NewRecorder(), r, nil); err == nil {
				t.Errorf("a session of a forged token: %v", s)
			}
		})
	}
	run(100, "none", cheaply)
	run(100, set.ID, dearly)
	heap := session.HeapInUse()
	run(cheap, "none", cheaply)
	run(dear, set.ID, dearly)
	if grown := session.HeapInUse() - heap; grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if n, _ := p.m.Cached(); n != 0 {
		t.Errorf("%d sessions are cached", n)
	}
	if n := p.pool.Calls(opRefresh); n != 0 {
		t.Errorf("%d refreshes", n)
	}
}

// TestForgeriesLeaveNothing is TestMillionForgeries under the race detector.
func TestForgeriesLeaveNothing(t *testing.T) { sendForgeries(t, 10_000, 500) }

// TestGenuineFlood is TestMillionBytes under the race detector.
func TestGenuineFlood(t *testing.T) { sendPairs(t, 500, 2) }

// sendPairs has pairs of genuine tokens share a cache of one MiB. Each access token
// comes with each ID token, which saves signing most of them; before one comes again,
// it has long been evicted.
func sendPairs(t *testing.T, accesses, ids int) {
	const limit = 1 << 20
	p := open(t, func(c *session.Config) { c.CacheBytes = limit })
	sets := make([]*tokens.Set, accesses)
	inParallel(4, accesses, func(i int) {
		if i < ids {
			sets[i] = p.pool.Issue("ada")
		} else {
			sets[i] = p.pool.Issue("ada", accessOnly)
		}
	})
	heap := session.HeapInUse()
	inParallel(4, accesses*ids, func(i int) {
		pair := tokens.Set{Access: sets[i%accesses].Access, ID: sets[i/accesses].ID}
		s, err := p.m.Fetch(nil, page(p.cookies("ada", &pair)...), nil)
		if err != nil || s.AccessToken().Raw() != pair.Access || s.IDToken().Raw() != pair.ID {
			t.Errorf("%v, %v", s, err)
		}
		if _, bytes := p.m.Cached(); bytes > limit {
			t.Errorf("%d bytes are cached", bytes)
		}
	})
	if grown := session.HeapInUse() - heap; grown > limit*3/2 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if n, bytes := p.m.Cached(); bytes < limit*3/4 {
		t.Errorf("only %d sessions of %d bytes are cached", n, bytes)
	}
	runtime.KeepAlive(sets)
}

// cachedHeap caches sessions with about 2.3 kB of tokens each, and returns what one
// takes in memory and what is counted for it.
func cachedHeap(tb testing.TB, sessions int) (measured, counted float64) {
	pool := cognitotest.New(ada)
	m, err := session.NewManager(session.Config{UserPool: pool.UserPool(), HTTPClient: pool.Client(), CacheBytes: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	edit := func(d *cognitotest.Draft) {
		d.Claims["cognito:groups"] = []string{"admins", "authors"}
		if d.Use == tokens.Access {
			d.Claims["device_key"] = strings.Repeat("d", 150)
		}
	}
	// One ID token does for all: each session keeps a text of its own.
	id := pool.Issue("ada", edit).ID
	accesses := make([]string, sessions)
	inParallel(4, sessions, func(i int) { accesses[i] = pool.Issue("ada", edit, accessOnly).Access })
	if n := len(accesses[0]) + len(id); n < 2300 || n > 2400 {
		tb.Errorf("the tokens have %d bytes", n)
	}
	key := "CognitoIdentityServiceProvider." + pool.UserPool().ClientID + "."
	heap := session.HeapInUse()
	for _, access := range accesses {
		// No session may keep its request's header in memory.
		r := page(key+"LastAuthUser=ada", key+"ada.accessToken="+access, key+"ada.idToken="+id,
			key+"ada.signInDetails=%7B%22loginId%22%3A%22ada%22%7D")
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

// TestCachedSessionIsCountedInFull compares what a cached session takes in memory with
// what is counted for it, by which the cache is bounded.
func TestCachedSessionIsCountedInFull(t *testing.T) {
	measured, counted := cachedHeap(t, 500)
	t.Logf("a session takes %.0f bytes, and %.0f are counted", measured, counted)
	if measured > 4500 {
		t.Errorf("a session takes %.0f bytes", measured)
	}
	if counted < measured*0.9 || counted > measured*1.5 {
		t.Errorf("%.0f bytes are counted for %.0f", counted, measured)
	}
}

// BenchmarkCachedSession says what a cached session takes in memory, with 2.3 kB of
// tokens in it. Target: 4500 bytes.
func BenchmarkCachedSession(b *testing.B) {
	for b.Loop() {
		measured, counted := cachedHeap(b, 2000)
		b.ReportMetric(measured, "B/session")
		b.ReportMetric(counted, "counted-B/session")
	}
}

// TestNothingOutlivesItsExpiry asks for cached sessions as time goes by.
func TestNothingOutlivesItsExpiry(t *testing.T) {
	p := open(t, nil)
	r := page(p.cookies("ada", p.pool.Issue("ada", func(d *cognitotest.Draft) {
		if d.Use == tokens.ID {
			d.Claims["exp"] = p.time().Add(30 * time.Minute).Unix()
		}
	}))...)
	for _, step := range []struct {
		after     time.Duration
		alive, id bool
		cached    int
	}{
		{0, true, true, 1},
		{30*time.Minute - 6*time.Second, true, true, 1},
		{6 * time.Second, true, false, 0},
		{30*time.Minute - time.Second, true, false, 0},
		{time.Second, false, false, 0},
	} {
		p.wait(step.after)
		for range 2 {
			s, err := p.m.Fetch(nil, r, nil)
			if (err == nil) != step.alive || (s.IDToken() != nil) != step.id || err != nil && !errors.Is(err, tokens.Expired) {
				t.Errorf("at %v: %v with ID token %v, %v", p.time(), s, s.IDToken(), err)
			}
			if n, bytes := p.m.Cached(); n != step.cached || n == 0 && bytes != 0 {
				t.Errorf("at %v: %d sessions, %d bytes are cached", p.time(), n, bytes)
			}
		}
	}

	// The access token alone.
	r = page(p.cookies("ada", p.pool.Issue("ada", accessOnly))...)
	for range 2 {
		if _, err := p.m.Fetch(nil, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	p.wait(time.Hour)
	if s, err := p.m.Fetch(nil, r, nil); !errors.Is(err, tokens.Expired) {
		t.Errorf("%v, %v", s, err)
	}
	if n, _ := p.m.Cached(); n != 0 {
		t.Errorf("%d sessions are cached", n)
	}
}

// TestNothingOutlivesItsKey takes away a key of cached sessions: that of the access
// token alone, and that of the ID token alone.
func TestNothingOutlivesItsKey(t *testing.T) {
	p := open(t, nil)
	old := p.pool.Issue("ada")
	p.pool.AddKeys()
	fresh := p.pool.Issue("ada")
	accessAlone := page(p.cookies("ada", &tokens.Set{Access: old.Access, ID: fresh.ID})...)
	idAlone := page(p.cookies("ada", &tokens.Set{Access: fresh.Access, ID: old.ID})...)
	none := page(p.cookies("ada", fresh)...)
	fetch := func(r *http.Request) (access, id bool) {
		s, err := p.m.Fetch(nil, r, nil)
		if err != nil && !errors.Is(err, tokens.UnknownKey) {
			t.Error(err)
		}
		return s != nil, s.IDToken() != nil
	}
	for _, r := range []*http.Request{accessAlone, idAlone, none} {
		if access, id := fetch(r); !access || !id {
			t.Fatalf("access token %v, ID token %v", access, id)
		}
	}
	if n, _ := p.m.Cached(); n != 2 { // two have one access token
		t.Fatalf("%d sessions are cached", n)
	}
	if access, id := fetch(idAlone); !access || !id { // the one that is cached now
		t.Fatalf("access token %v, ID token %v", access, id)
	}

	p.pool.DropOldKeys()
	p.wait(time.Minute)
	// An unknown key has the key set fetched.
	fetch(page(p.cookies("bob", p.pool.Issue("bob", func(d *cognitotest.Draft) { d.Header["kid"] = "nobody's" }))...))
	if access, _ := fetch(accessAlone); access {
		t.Error("a session whose access token's key is gone")
	}
	if access, id := fetch(idAlone); !access || id {
		t.Errorf("the ID token's key is gone: access token %v, ID token %v", access, id)
	}
	if n, bytes := p.m.Cached(); n != 0 || bytes != 0 {
		t.Errorf("%d sessions are cached", n)
	}
	if access, id := fetch(none); !access || !id {
		t.Errorf("access token %v, ID token %v", access, id)
	}
}
