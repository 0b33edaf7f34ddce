package middleware_test

import (
	"flag"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

var (
	soakFor      = flag.Duration("soak", longtest.Scale(time.Second, 20*time.Second), "how long the soak lasts")
	soakBrowsers = flag.Int("browsers", longtest.Scale(10, 40), "how many browsers take part in it")
)

// soakRun is one of the three runs of the soak, by what is allowed to go wrong in
// it. In all of them refresh tokens are rotated and requests of browsers cancelled.
type soakRun struct {
	name  string
	grace time.Duration // for which a rotated refresh token is still accepted
	after bool          // faults may come after the effect: the reply is lost
	lossy bool          // sessions may be lost with those replies, and not otherwise
}

var soakRuns = []soakRun{
	{name: "grace 0, faults before the effect"},
	{name: "grace 60 s, faults before and after it", grace: time.Minute, after: true},
	{name: "grace 0, faults before and after it", after: true, lossy: true},
}

// TestSoak has a fleet of browsers use a site while Cognito fails a quarter of all
// calls, and checks every answer against what the browser did before.
func TestSoak(t *testing.T) {
	amplifyOnly(t)
	for _, run := range soakRuns {
		t.Run(run.name, func(t *testing.T) { soak(t, run, *soakFor/time.Duration(len(soakRuns))) })
	}
}

// soak plays rounds until the time is over. In a round all browsers act at once,
// while a few seconds pass and Cognito fails; then Cognito is well, and every
// browser reloads its page until it is answered, within the grace; then the clock
// jumps, mostly to where tokens have expired.
func soak(t *testing.T, run soakRun, length time.Duration) {
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	w := newSoakSite(t, run)
	fleet := make([]*soakBrowser, *soakBrowsers)
	for i := range fleet {
		fleet[i] = w.newBrowser(i)
	}
	began, rounds := time.Now(), 0
	for oldKeys := -1; time.Since(began) < length || rounds < 2; rounds++ {
		w.failing.Store(true)
		all(fleet, func(b *soakBrowser) {
			for range 3 {
				b.act()
				w.clock.advance(rand.N(50 * time.Millisecond)) // 6 s a round, for 40 browsers
			}
		})
		w.failing.Store(false)
		// Browsers did not wait for some requests and refreshes, which end by themselves.
		until(func() bool { return w.inside.Load() == 0 && !strings.Contains(stacks(), "/session/internal/refresh.") })
		const reloads = 8 // the longest that anything is put off is 30 seconds
		waiting := slices.Clone(fleet)
		for n := 0; len(waiting) > 0; n++ {
			all(waiting, func(b *soakBrowser) { b.reload(n, n == reloads-1) })
			waiting = slices.DeleteFunc(waiting, func(b *soakBrowser) bool { return b.settled })
			w.clock.advance(5 * time.Second)
		}
		jump := []time.Duration{0, 25 * time.Second, 3 * time.Minute, 58*time.Minute + 30*time.Second, time.Hour, 5 * time.Hour}[rand.N(6)]
		w.clock.advance(jump)
		switch { // keys are rotated as a careful operator does it
		case oldKeys < 0 && rounds%5 == 1:
			w.cognito.AddKeys()
			oldKeys = 0
		case oldKeys >= 0 && jump >= time.Hour:
			if oldKeys++; oldKeys == 2 { // nobody has tokens of theirs any more
				w.cognito.DropOldKeys()
				oldKeys = -1
			}
		}
	}

	calls, revocations := w.cognito.Calls(opRefresh), w.cognito.Calls("RevokeToken")
	auth := w.close()
	clear(fleet)
	until(func() bool { return runtime.NumGoroutine() <= goroutines })
	goroutinesLeft := runtime.NumGoroutine()
	heapLeft := heapInUse()
	runtime.KeepAlive(auth)
	t.Logf("%d browsers, %d rounds, %v\n"+
		"requests     %d, of which %d cancelled, %d of browsers' own to Cognito\n"+
		"refreshes    %d: %d calls, %d joined, %d kept, and %d failed\n"+
		"Cognito      %d refreshes, %d of them failed before and %d after the effect, %d too late; %d revocations\n"+
		"answers      %d wrong; %d sessions lost\n"+
		"goroutines   %d at the start, %d at the end\n"+
		"heap         %d kB at the start, %d kB at the end",
		len(fleet), rounds, time.Since(began).Round(time.Second),
		w.requests.Load(), w.cancelled.Load(), w.own.Load(),
		w.how["call"].Load()+w.how["joined"].Load()+w.how["kept"].Load(), w.how["call"].Load(), w.how["joined"].Load(), w.how["kept"].Load(), w.unavailable.Load(),
		calls, w.failed.Load(), w.repliesLost.Load(), w.timeouts.Load(), revocations,
		w.wrong.Load(), w.lost.Load(), goroutines, goroutinesLeft, heap>>10, heapLeft>>10)

	// A machine that is too slow for the deadlines loses replies of its own.
	lost, excused := w.lost.Load(), max(0, w.timeouts.Load()-w.hung.Load())
	if run.lossy {
		excused += w.repliesLost.Load()
	}
	if lost > excused {
		t.Errorf("%d sessions were lost, and %d replies", lost, excused)
	}
	if n := w.secretsLogged.Load(); n > 0 {
		t.Errorf("%d lines of the log hold a token", n)
	}
	if rounds >= 50 && (w.how["call"].Load() == 0 || w.how["joined"].Load() == 0 || w.how["kept"].Load() == 0 || w.failed.Load() == 0 || run.after != (w.repliesLost.Load() > 0)) {
		t.Error("something that was to be shown has not happened")
	}
	if goroutinesLeft > goroutines {
		t.Errorf("%d goroutines at the start, %d at the end:\n%s", goroutines, goroutinesLeft, stacks())
	}
	// The cache has its bound, and what is kept of refreshes lasts minutes.
	if grown := heapLeft - heap; grown > soakCache+4<<20 {
		t.Errorf("the heap has grown by %d kB", grown>>10)
	}
}

func all(fleet []*soakBrowser, act func(*soakBrowser)) {
	var wg sync.WaitGroup
	for _, b := range fleet {
		wg.Go(func() { act(b) })
	}
	wg.Wait()
}

// until waits for something that is about to be.
func until(is func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for tries := 0; tries < 2000 && !is(); tries++ {
		<-tick.C
	}
}

// stacks are those of all goroutines.
func stacks() string {
	b := make([]byte, 1<<20)
	for {
		n := runtime.Stack(b, true)
		if n < len(b) {
			return string(b[:n])
		}
		b = make([]byte, 2*len(b))
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// close ends the site and Cognito, and leaves what the guard holds.
func (w *soakSite) close() *cognito.Auth {
	for _, t := range []*http.Transport{w.toSite, w.hasty, w.toCognito} {
		t.CloseIdleConnections()
	}
	w.site.Close()
	w.pool.Close()
	auth := w.auth
	*w = soakSite{T: w.T, soakCounts: w.soakCounts}
	return auth
}

func (w *soakSite) wrongf(format string, args ...any) {
	w.Helper()
	if w.wrong.Add(1) <= 10 {
		w.Errorf(format, args...)
	}
}
