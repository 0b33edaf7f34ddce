package middleware_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
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
