package middleware_test

import (
	"context"
	"crypto"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestPublicPathAllocatesNothing: the guard adds no allocation.
func TestPublicPathAllocatesNothing(t *testing.T) {
	longtest.WithoutRace(t)
	env := newBench(t)
	r := env.signedInRequest("/api/1")
	if over := testing.AllocsPerRun(100, serve(env.chi, r)) - testing.AllocsPerRun(100, serve(env.bare, r)); over != 0 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}

// TestSignedInRequestAllocates allows a context, a request and a response writer, with and
// without a shared store.
func TestSignedInRequestAllocates(t *testing.T) {
	longtest.WithoutRace(t)
	now := time.Now()
	for name, edit := range map[string]func(*cognito.Config){
		"alone": func(*cognito.Config) {},
		"with a shared store": func(cfg *cognito.Config) { // its sign-outs are read once
			cfg.Shared, cfg.Secret, cfg.Now = storetest.NewMemory(), routesSecret, func() time.Time { return now }
		},
		"sealed": func(cfg *cognito.Config) { cfg.Layout, cfg.Secret = session.LayoutSealed, routesSecret }, // two chunks
		"a handle": func(cfg *cognito.Config) {
			cfg.Layout, cfg.Shared, cfg.Secret, cfg.Now = session.LayoutHandle, storetest.NewMemory(), routesSecret, func() time.Time { return now }
		},
	} {
		env := newBench(t, edit)
		r := env.signedInRequest("/dashboard/1")
		guarded, bare := serve(env.chi, r), serve(env.bare, r)
		if over := testing.AllocsPerRun(100, guarded) - testing.AllocsPerRun(100, bare); over > 3 {
			t.Errorf("%s: %v allocations over a middleware that does nothing", name, over)
		}
		if over := bytesPerRun(100, guarded) - bytesPerRun(100, bare); over > 520 {
			t.Errorf("%s: %d bytes over a middleware that does nothing", name, over)
		}
	}
}

// TestUncachedRequestAllocates allows what two signature checks and two tokens take.
func TestUncachedRequestAllocates(t *testing.T) {
	longtest.WithoutRace(t)
	env := newBench(t, func(cfg *cognito.Config) { cfg.CacheBytes = -1 })
	r := env.signedInRequest("/dashboard/1")
	if over := testing.AllocsPerRun(100, serve(env.chi, r)) - testing.AllocsPerRun(100, serve(env.bare, r)); over > 45 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}

// TestCachedSessionIsFewObjects: a garbage collection looks at every object of every cached
// session.
func TestCachedSessionIsFewObjects(t *testing.T) {
	longtest.WithoutRace(t)
	env := newBench(t)
	const sessions = 100
	requests := make([]*http.Request, sessions)
	for i := range requests {
		requests[i] = httptest.NewRequest("GET", "/dashboard/1", nil)
		env.server.SignIn(requests[i], "ada")
	}
	serve(env.chi, env.signedInRequest("/dashboard/1"))() // fetches the key set
	w := &nullWriter{http.Header{}}
	before := liveHeap()
	for _, r := range requests {
		env.chi.ServeHTTP(w, r)
	}
	after := liveHeap()
	runtime.KeepAlive(requests)
	if cached, _ := env.auth.Sessions().CacheSize(); cached != sessions+1 {
		t.Fatalf("%d sessions are cached", cached)
	}
	objects, bytes := float64(after.HeapObjects-before.HeapObjects)/sessions, float64(after.HeapAlloc-before.HeapAlloc)/sessions
	if objects > 7 || bytes > 4000 {
		t.Errorf("%.1f objects and %.0f bytes", objects, bytes)
	}
}

func liveHeap() (stats runtime.MemStats) {
	for range 3 { // a sync.Pool keeps its content for two collections
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return stats
}

// TestRefusedRequestAllocates: a request without a session costs little, whether it is
// redirected or a script's, and whatever it shows. Nothing of it is cached.
func TestRefusedRequestAllocates(t *testing.T) {
	longtest.WithoutRace(t)
	env := newBench(t)
	most := map[string]float64{
		"no tokens": 10, "no JWT": 21, "another algorithm": 25, "an unknown key": 26, "a forged signature": 36,
	}
	requests := env.refusedRequests()
	for what, r := range requests {
		for _, mode := range []string{"navigate", "cors"} {
			r.Header.Set("Sec-Fetch-Mode", mode)
			if mode == "navigate" && what != "no tokens" {
				continue // the answer deletes the cookies too
			}
			if n := testing.AllocsPerRun(100, serve(env.chi, r)); n > most[what] {
				t.Errorf("%s, %s: %v allocations", what, mode, n)
			}
		}
		r.Header.Del("Sec-Fetch-Mode") // redirected, and the cookies stay
		if n := testing.AllocsPerRun(100, serve(env.chi, r)); n > most[what] {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	if sessions, bytes := env.auth.Sessions().CacheSize(); sessions != 0 || bytes != 0 {
		t.Errorf("%d sessions are cached, %d bytes", sessions, bytes)
	}
}

// TestForgedTokenCostsOneCheck: a forged access token decides. No ID token and no refresh
// token beside it is looked at.
func TestForgedTokenCostsOneCheck(t *testing.T) {
	keys := new(countingKeySet)
	env := newBench(t, func(cfg *cognito.Config) { cfg.Keys = keys })
	keys.inner, _ = tokens.NewRemoteKeySet(env.server.UserPool(), &tokens.Options{HTTPClient: env.server.Client()})
	r := env.signedInRequest("/dashboard/1")
	serve(env.chi, r)()
	if keys.asked != 2 {
		t.Fatalf("two tokens ask for %d keys", keys.asked)
	}
	forged := env.refusedRequests()["a forged signature"]
	_, token, _ := strings.Cut(forged.Header.Get("Cookie"), ".accessToken=")
	token, _, _ = strings.Cut(token, ";")
	before, rest, _ := strings.Cut(r.Header.Get("Cookie"), ".accessToken=")
	_, after, _ := strings.Cut(rest, ";")
	r.Header.Set("Cookie", before+".accessToken="+token+";"+after)
	keys.asked = 0
	w := httptest.NewRecorder()
	env.chi.ServeHTTP(w, r)
	if refreshes := env.server.Calls("GetTokensFromRefreshToken"); w.Code != http.StatusTemporaryRedirect || keys.asked != 1 || refreshes != 0 {
		t.Errorf("%d after %d keys and %d refreshes", w.Code, keys.asked, refreshes)
	}
}

// TestRefreshCostsThreeChecks: of an expired session, the ID token is not looked at.
func TestRefreshCostsThreeChecks(t *testing.T) {
	keys := new(countingKeySet)
	env := newBench(t, func(cfg *cognito.Config) { cfg.Keys = keys })
	keys.inner, _ = tokens.NewRemoteKeySet(env.server.UserPool(), &tokens.Options{HTTPClient: env.server.Client()})
	r := httptest.NewRequest("GET", "/dashboard/1", nil)
	env.server.SignIn(r, "ada", cognitotest.Expired)
	w := httptest.NewRecorder()
	env.chi.ServeHTTP(w, r)
	if w.Code != http.StatusOK || keys.asked != 3 { // the old access token, and both new ones
		t.Errorf("%d after %d keys", w.Code, keys.asked)
	}
}

// countingKeySet counts the keys that tokens ask for, one for each signature check.
type countingKeySet struct {
	inner tokens.KeySet
	asked int
}

func (c *countingKeySet) Key(ctx context.Context, issuer, kid string) (crypto.PublicKey, error) {
	c.asked++
	return c.inner.Key(ctx, issuer, kid)
}

// TestUserOfARequestAllocates allows one more than TestSignedInRequestAllocates.
func TestUserOfARequestAllocates(t *testing.T) {
	longtest.WithoutRace(t)
	env := newBench(t)
	r := env.signedInRequest("/user/1")
	if over := testing.AllocsPerRun(100, serve(env.chi, r)) - testing.AllocsPerRun(100, serve(env.bare, r)); over > 4 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}

// bytesPerRun is testing.AllocsPerRun for bytes.
func bytesPerRun(runs int, f func()) int {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc-before.TotalAlloc) / runs
}
