//go:build unix

package replicatest

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestHolder kills or stops the process that holds the claims of many refreshes, before
// Cognito has acted and after. Another process takes over when the lease has ended.
func TestHolder(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testHolder(t, signal)
		})
	}
}

// held are the browsers of one user pool whose refreshes wait in Cognito.
type held struct {
	*browser
	grace time.Duration
	acted bool // Cognito has rotated the refresh token
}

func testHolder(t *testing.T, signal syscall.Signal) {
	s := startSite(t, graces...)
	const each = 6
	holder, others := s.processes[0], s.processes[1:]
	release := make(chan struct{})
	var all []*held
	var reached sync.WaitGroup
	acted := make(map[string]bool) // by refresh token
	for i, grace := range graces {
		for j, b := range s.browsers(i, 2*each) {
			all = append(all, &held{b, grace, j < each})
			acted[b.refreshToken()] = j < each
			reached.Add(1)
		}
		s.cognitos[i].setGate(func(r *http.Request, refreshToken, replica string, hasActed bool) {
			if replica == "A" && acted[refreshToken] == hasActed {
				reached.Done()
				<-release
			}
		})
	}
	free := sync.OnceFunc(func() {
		for _, c := range s.cognitos {
			c.setGate(nil)
		}
		close(release)
	})
	t.Cleanup(free)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	t.Cleanup(waiting.Wait)
	t.Cleanup(cancel)
	for _, b := range all {
		waiting.Go(func() { b.send(ctx, holder, "GET", "page", b.header(), script) })
	}
	reached.Wait()
	holder.signal(signal)

	begin := time.Now()
	var mu sync.Mutex
	var longest time.Duration
	unavailable := 0
	lost := make(map[bool]int) // without a grace, by whether Cognito had acted
	var asking sync.WaitGroup
	for i, b := range all {
		asking.Go(func() {
			used := b.refreshToken()
			var got answer
			for tries := i; time.Since(begin) < 30*time.Second; tries++ {
				if got = b.open(t.Context(), others[tries%2]); got.status != http.StatusServiceUnavailable {
					break
				}
				mu.Lock()
				unavailable++
				mu.Unlock()
				wait(t.Context(), 100*time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			longest = max(longest, time.Since(begin))
			switch {
			case got.status == http.StatusOK:
			case got.status == http.StatusUnauthorized && b.grace == 0:
				b.checkLoss(t, used)
				lost[b.acted]++
			default:
				t.Errorf("grace %v, Cognito had acted: %t: status %d: %s", b.grace, b.acted, got.status, got.text)
			}
		})
	}
	asking.Wait()
	t.Logf("the last browser has its answer after %v; %d requests were answered 503 until then; without a grace %d of %d sign-ins are lost if Cognito had acted, and %d of %d if not",
		longest.Round(time.Millisecond), unavailable, lost[true], each, lost[false], each)
	if lost[false] > 0 {
		t.Error("sign-ins are lost although Cognito had not acted")
	}

	free()
	alive := others
	if signal == syscall.SIGSTOP {
		holder.signal(syscall.SIGCONT)
		waiting.Wait()
		alive = s.processes
	}
	// All others go on everywhere, with another refresh too.
	for _, b := range all {
		for i, path := range []string{"page", "page?force"} {
			for j, p := range alive {
				if i == 1 && j > 0 {
					break // one refresh more is enough
				}
				got := b.send(t.Context(), p, "GET", path, b.header(), script)
				if got.resp != nil {
					b.keep(got.resp)
				}
				if got.status != http.StatusOK && !(got.status == http.StatusUnauthorized && b.grace == 0 && b.acted) {
					t.Errorf("afterwards, grace %v, Cognito had acted: %t: %s: status %d: %s", b.grace, b.acted, path, got.status, got.text)
				}
			}
		}
	}
}
