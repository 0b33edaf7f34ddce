package replicatest

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/redisstore"
)

// signOuts are the ways to end a sign-in.
var signOuts = map[string]func(b *browser) (path string){
	"End":     func(*browser) string { return "sign-out" },
	"EndUser": func(b *browser) string { return "end-user?subject=" + url.QueryEscape(b.subject) },
}

// TestSignOutIsHeard signs users out at one replica, while the others have their sessions
// cached and have requests. The users have copies of their cookies, and bearer tokens.
func TestSignOutIsHeard(t *testing.T) {
	s := startSite(t, 0)
	for _, name := range slices.Sorted(maps.Keys(signOuts)) {
		var browsers []*browser
		for i := range 10 {
			b := s.browser(0, users[i].Username)
			browsers = append(browsers, b)
			for _, got := range b.burst(t.Context(), s.processes, script) {
				if got.status != http.StatusOK {
					t.Fatal(got.text)
				}
			}
		}
		longest := make(map[string]time.Duration) // by replica and kind of request
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, b := range browsers {
			wg.Go(func() {
				cookies := b.header()
				if got := b.send(t.Context(), s.processes[0], "POST", signOuts[name](b), cookies, script); got.status != http.StatusOK {
					t.Errorf("%s: %s", name, got.text)
				}
				ended := time.Now()
				for i, p := range s.processes {
					for kind, status := range map[string]func() int{
						"cookies": func() int { return b.send(t.Context(), p, "GET", "page", cookies, script).status },
						"bearer":  func() int { return b.sendBearer(t.Context(), p, cookies) },
					} {
						wg.Go(func() {
							took := time.Duration(0)
							for status() != http.StatusUnauthorized && took < 10*time.Second {
								wait(t.Context(), 20*time.Millisecond)
								took = time.Since(ended)
							}
							mu.Lock()
							defer mu.Unlock()
							at := kind + " at " + "ABC"[i:i+1]
							longest[at] = max(longest[at], took)
						})
					}
				}
			})
		}
		wg.Wait()
		for _, at := range slices.Sorted(maps.Keys(longest)) {
			t.Logf("%s at A holds for %s after %v at most", name, at, longest[at].Round(time.Millisecond))
			if longest[at] > 5*time.Second {
				t.Errorf("%s at A is not heard: %s", name, at)
			}
		}
		// A replica that starts later refuses at its first request.
		late := s.start("late")
		for i, b := range browsers {
			begin := time.Now()
			got := b.send(t.Context(), late, "GET", "page", b.header(), script)
			if got.status != http.StatusUnauthorized && time.Since(begin) < time.Second { // no request waits longer
				t.Errorf("%s: request %d at a replica that starts later: %d", name, i, got.status)
			}
		}
	}
}

// TestSignOutWithoutRedis signs a user out while Redis is down. The other replicas hear of it
// when it is back and the replica of the sign-out has a request.
func TestSignOutWithoutRedis(t *testing.T) {
	s := startSite(t, 0)
	b, other := s.browser(0, users[0].Username), s.browser(0, users[1].Username)
	cookies := b.header()
	for _, got := range b.burst(t.Context(), s.processes, script) {
		if got.status != http.StatusOK {
			t.Fatal(got.text)
		}
	}
	s.redis.Kill()
	b.send(t.Context(), s.processes[0], "POST", "sign-out", cookies, script)
	for i, want := range []int{http.StatusUnauthorized, http.StatusOK, http.StatusOK} {
		if got := b.send(t.Context(), s.processes[i], "GET", "page", cookies, script); got.status != want {
			t.Errorf("without Redis, replica %d: %d, want %d", i, got.status, want)
		}
	}
	s.redis.Restart()
	begin := time.Now()
	for i := range s.processes {
		status := 0
		for status != http.StatusUnauthorized && time.Since(begin) < 15*time.Second {
			other.open(t.Context(), s.processes[0])
			status = b.send(t.Context(), s.processes[i], "GET", "page", cookies, script).status
			wait(t.Context(), 20*time.Millisecond)
		}
		if status != http.StatusUnauthorized {
			t.Errorf("replica %d has not heard of the sign-out: %d", i, status)
		}
	}
	t.Logf("all replicas have heard of the sign-out %v after Redis is back", time.Since(begin).Round(time.Millisecond))
}

// sendBearer sends the access token of a Cookie header as a bearer token, and returns the
// status of the answer.
func (b *browser) sendBearer(ctx context.Context, p *process, cookies string) int {
	_, access, _ := strings.Cut(cookies, ".accessToken=")
	access, _, _ = strings.Cut(access, ";")
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+p.addr+"/0/page", nil)
	if err != nil {
		return 0
	}
	r.Header.Set("Authorization", "Bearer "+access)
	resp, err := b.site.http.Do(r)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestLongLog puts a day's notes into the log, the oldest of which is about a sign-in. A
// replica that starts then must not let it through.
func TestLongLog(t *testing.T) {
	t.Parallel()
	s := startSite(t, 0)
	const notes = 100_000
	b := s.browser(0, users[0].Username)
	other := s.browser(0, users[1].Username)
	cookies := b.header()
	if got := b.send(t.Context(), s.processes[0], "POST", "sign-out", cookies, script); got.status != http.StatusOK {
		t.Fatal(got.text)
	}
	store := redisstore.New(s.redis.Client(), "test:")
	page, _, err := store.Since(t.Context(), "")
	if err != nil || len(page) == 0 {
		t.Fatalf("%d notes after a sign-out: %v", len(page), err)
	}
	begin := time.Now()
	if err := appendNotes(t.Context(), store, page[0], notes); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d notes appended in %v; Redis has %d bytes in all", notes, time.Since(begin).Round(time.Millisecond), usedMemory(s.redis))

	late := s.start("late")
	begin = time.Now()
	got := b.send(t.Context(), late, "GET", "page", cookies, script)
	took := time.Since(begin)
	t.Logf("the first request at a replica that starts then: status %d after %v", got.status, took.Round(time.Millisecond))
	if got.status != http.StatusUnauthorized && took < time.Second {
		t.Errorf("the first request got %d and has not waited for the log", got.status)
	}
	for got.status != http.StatusUnauthorized && time.Since(begin) < 20*time.Second {
		wait(t.Context(), 20*time.Millisecond)
		got = b.send(t.Context(), late, "GET", "page", cookies, script)
	}
	t.Logf("the log is read %v after the start", time.Since(begin).Round(time.Millisecond))
	if got.status != http.StatusUnauthorized {
		t.Errorf("an old sign-out does not hold: %d", got.status)
	}
	if got := other.open(t.Context(), late); got.status != http.StatusOK {
		t.Errorf("another user's request got %d: %s", got.status, got.text)
	}
}

// appendNotes appends notes as that of a sign-out, about random sign-ins.
func appendNotes(ctx context.Context, store session.Store, like []byte, n int) error {
	const writers = 32
	errs := make(chan error, writers)
	for range writers {
		go func() {
			for range n / writers {
				note := slices.Clone(like)
				rand.Read(note[5:37])                // the key, after the kind and the scope
				rand.Read(note[min(45, len(note)):]) // the subject, after the time
				if err := store.Append(ctx, note, 24*time.Hour); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var first error
	for range writers {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}
