package session_test

import (
	"math/rand"
	"net/http"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
)

// TestTakeOverAnyOrder has a browser send pages and scripts to two processes around a
// takeover, and read the answers in any order, or never. Before a sign-out they come within
// two minutes: that long replicas tell each other of refreshes. Without rotation the session goes
// on, and after a sign-out or another sign-in it never comes back.
func TestTakeOverAnyOrder(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for seed := range longtest.Scale(3, 60) {
			random := rand.New(rand.NewSource(int64(seed)))
			e := newTakeOverEnv(t, layout, nil)
			managers := []*session.Manager{e.manager, e.newTakingManager(layout, nil)}
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(time.Duration(random.Intn(120)) * time.Minute)
			var pending []*unreadAnswer
			var sentAt time.Time // the oldest of them
			want := "ada"
			send := func(act sessionHandler) *unreadAnswer {
				r := navigation()
				if random.Intn(3) == 0 {
					r.Header.Set("Sec-Fetch-Mode", "cors")
					r.Header.Set("Sec-Fetch-Dest", "empty")
				}
				return b.send(r, act)
			}
			for range 14 {
				m := managers[random.Intn(2)]
				switch k := random.Intn(20); {
				case k < 8:
					if len(pending) == 0 {
						sentAt = e.clock()
					}
					pending = append(pending, send(getWith(m)))
				case k < 15 && len(pending) > 0:
					i := random.Intn(len(pending))
					b.read(pending[i])
					pending = append(pending[:i], pending[i+1:]...)
				case k < 18:
					e.advance(time.Duration(random.Intn(40)) * time.Minute)
				case k == 18 && want == "ada":
					want = ""
					if e.clock().Sub(sentAt) > time.Minute {
						b.read(pending...)
						pending = nil
					}
					b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) { return nil, m.End(w, r) }))
					e.advance(2 * time.Second)
				case k == 19 && want == "ada":
					want = "bob"
					e.advance(2 * time.Second)
					b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
						return m.Start(w, r, e.server.Issue("bob"))
					}))
				}
			}
			e.advance(3 * time.Second)
			b.read(pending...)
			for i := range 3 {
				a := b.send(navigation(), getWith(managers[i%2]))
				b.read(a)
				got := ""
				if a.err == nil {
					got = a.session.User().Username
				}
				if got != want {
					t.Errorf("%s, seed %d, page %d: %q, want %q: %v", layout, seed, i, got, want, a.err)
				}
				e.advance(50 * time.Minute)
			}
		}
	}
}
