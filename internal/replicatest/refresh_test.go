package replicatest

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestOneCall has many browsers whose tokens have expired send requests to three processes
// at once. Refresh tokens rotate without a grace, so a second call would end a session.
func TestOneCall(t *testing.T) {
	s := startSite(t, 0)
	const sessions, requests = 50, 5 // to each of three replicas
	for _, c := range []struct {
		name    string
		delay   time.Duration
		burners int
	}{
		{"Cognito answers at once", 0, 0},
		{"Cognito takes 1.5 s", 1500 * time.Millisecond, 0},
		{"on a loaded machine", 0, 5 * runtime.NumCPU()},
	} {
		burn := startBurners(t, c.burners)
		s.cognitos[0].SetFault(func(op string) (f cognitotest.Fault) {
			if op == "GetTokensFromRefreshToken" {
				f.Delay = c.delay
			}
			return f
		})
		before, _ := s.cognitos[0].calls()
		begin := time.Now()
		seen := make(counts)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, b := range s.browsers(0, sessions) {
			cookies := b.header()
			for range requests {
				for _, p := range s.processes {
					wg.Go(func() {
						got := b.send(t.Context(), p, "GET", "page", cookies, script)
						mu.Lock()
						defer mu.Unlock()
						seen.add(got)
						if got.status != http.StatusOK {
							t.Log(got.text)
						}
					})
				}
			}
		}
		wg.Wait()
		burn()
		after, again := s.cognitos[0].calls()
		t.Logf("%s: %d sessions, %d requests, %d calls, %d of a used refresh token, in %v", c.name, sessions, total(seen), after-before, again, time.Since(begin).Round(time.Millisecond))
		if after-before != sessions || seen[http.StatusOK] != 3*sessions*requests {
			t.Errorf("%s: %d calls, %v", c.name, after-before, seen)
		}
	}
}

// startBurners starts processes that compute without end, until stop is called.
func startBurners(t *testing.T, n int) (stop func()) {
	var stops []func()
	for range n {
		cmd := reexecute(burnerVariable + "=1")
		stdin, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		end := sync.OnceFunc(func() {
			stdin.Close()
			cmd.Process.Kill()
			cmd.Wait()
		})
		t.Cleanup(end)
		stops = append(stops, end)
	}
	return func() {
		for _, end := range stops {
			end()
		}
	}
}
