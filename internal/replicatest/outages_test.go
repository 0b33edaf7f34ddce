package replicatest

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/redistest"
)

// graces of the user pools: with the first nobody may lose a sign-in.
var graces = []time.Duration{time.Minute, 0}

// browseBoth has browsers of both user pools open pages, while something happens. No request
// fails within the grace. The losses without a grace are printed.
func (s *site) browseBoth(name string, during func(ctx context.Context)) {
	s.t.Helper()
	const browsers, duration = 15, 3500 * time.Millisecond
	ctx, cancel := context.WithTimeout(s.t.Context(), duration)
	defer cancel()
	var wg sync.WaitGroup
	for i, grace := range graces {
		all := s.browsers(i, browsers)
		before, againBefore := s.cognitos[i].calls()
		wg.Go(func() {
			lost, got := browse(ctx, s.t, all, s.processes)
			after, again := s.cognitos[i].calls()
			s.t.Logf("%s, grace %v: %d of %d sign-ins lost; %d calls, %d of a used refresh token; %v", name, grace, len(lost), browsers, after-before, again-againBefore, got)
			if grace > 0 && got[200] != total(got) || got[200] < browsers {
				s.t.Errorf("%s, grace %v: requests have failed: %v", name, grace, got)
			}
			if during == nil && (again != againBefore || got[200] != total(got)) {
				s.t.Errorf("%s, grace %v: a store that works has not shared all calls: %v", name, grace, got)
			}
		})
	}
	if during != nil {
		wait(ctx, duration/6)
		during(ctx)
	}
	wg.Wait()
}

// outage is how long Redis does not work.
const outage = 1500 * time.Millisecond

// TestOutages disturbs Redis while browsers are refreshed every second.
func TestOutages(t *testing.T) {
	s := startSite(t, graces...)
	for _, c := range s.cognitos {
		c.SetLifetime(2 * time.Second) // a refresh is due after one
	}
	s.browseBoth("nothing happens", nil)
	s.browseBoth("secrets are replaced", s.replaceSecrets)
	s.browseBoth("Redis is killed and comes back", func(ctx context.Context) {
		s.redis.Kill()
		wait(ctx, outage)
		s.redis.Restart()
	})
	s.browseBoth("Redis is full", func(ctx context.Context) {
		s.redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
		s.redis.Do("CONFIG", "SET", "maxmemory", 1)
		wait(ctx, outage)
		s.redis.Do("CONFIG", "SET", "maxmemory", 0)
		s.t.Log("refused writes: ", info(s.redis, "errorstats", "errorstat_OOM:count"))
	})
	s.browseBoth("Redis evicts everything", func(ctx context.Context) {
		s.redis.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
		s.redis.Do("CONFIG", "SET", "maxmemory", usedMemory(s.redis)-20_000)
		wait(ctx, outage)
		s.redis.Do("CONFIG", "SET", "maxmemory", 0)
		s.t.Log("evicted keys: ", info(s.redis, "stats", "evicted_keys"))
	})
}

// TestPaused has Redis accept calls and answer none. After three timeouts replicas leave it
// alone for five seconds, so each case has a site of its own.
func TestPaused(t *testing.T) {
	for name, pause := range map[string]func(ctx context.Context, server *redistest.Server){
		"CLIENT PAUSE": func(_ context.Context, server *redistest.Server) {
			server.Do("CLIENT", "PAUSE", outage.Milliseconds(), "ALL")
		},
		"SIGSTOP": func(ctx context.Context, server *redistest.Server) {
			server.Stop()
			wait(ctx, outage)
			server.Continue()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t, graces...)
			for _, c := range s.cognitos {
				c.SetLifetime(2 * time.Second)
			}
			s.browseBoth(name, func(ctx context.Context) { pause(ctx, s.redis) })
		})
	}
}

// info returns a number of INFO.
func info(server *redistest.Server, section, field string) int {
	text := fmt.Sprint(server.Do("INFO", section))
	found := regexp.MustCompile(`(?m)^` + field + `[:=](\d+)`).FindStringSubmatch(text)
	if found == nil {
		return -1
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

func usedMemory(server *redistest.Server) int { return info(server, "memory", "used_memory") }

// replaceSecrets replaces the secret in the steps that docs/replicas.md has. Replicas take
// each step one after the other.
func (s *site) replaceSecrets(ctx context.Context) {
	older, newer := s.secrets.Secret, newSecret()
	for _, step := range []Secrets{
		{older, [][]byte{newer}},
		{newer, [][]byte{older}},
		{newer, nil}, // earlier than the ten minutes of the documentation
	} {
		body, err := json.Marshal(step)
		if err != nil {
			s.t.Fatal(err)
		}
		if step.OldSecrets == nil {
			wait(ctx, time.Second)
		}
		s.post("/secrets", body)
		wait(ctx, 300*time.Millisecond)
	}
	s.secrets = Secrets{Secret: newer}
}

// TestDuringRefreshes changes Redis while it has the claims of many refreshes, and no result
// of theirs.
func TestDuringRefreshes(t *testing.T) {
	s := startSite(t, graces...)
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"FLUSHALL", func() { s.redis.Do("FLUSHALL") }},
		{"Redis is full", func() { s.redis.Do("CONFIG", "SET", "maxmemory", 1) }},
	} {
		for i, grace := range graces {
			s.refreshDuring(fmt.Sprintf("%s, grace %v", c.name, grace), i, c.change)
			s.redis.Do("CONFIG", "SET", "maxmemory", 0)
		}
	}
}

// refreshDuring has browsers refresh at all replicas at once. It changes Redis when each has
// a call to Cognito that runs.
func (s *site) refreshDuring(name string, userPool int, change func()) {
	s.t.Helper()
	const browsers = 20
	allBefore, againBefore := s.cognitos[userPool].calls()
	var asked atomic.Int32
	changed := make(chan struct{})
	s.cognitos[userPool].SetFault(func(op string) (f cognitotest.Fault) {
		if op == "GetTokensFromRefreshToken" {
			if asked.Add(1) == browsers {
				change()
				close(changed)
			}
			<-changed
			f.Delay = 300 * time.Millisecond // for the second calls
		}
		return f
	})
	begin := time.Now()
	var mu sync.Mutex
	got, next, lost, longest := make(counts), make(counts), 0, time.Duration(0)
	var wg sync.WaitGroup
	for _, b := range s.browsers(userPool, browsers) {
		wg.Go(func() {
			used := b.refreshToken()
			first := b.burst(s.t.Context(), s.processes, navigation)
			took := time.Since(begin)
			second := b.burst(s.t.Context(), s.processes, navigation)
			mu.Lock()
			defer mu.Unlock()
			got.add(first...)
			next.add(second...)
			longest = max(longest, took)
			if slices.ContainsFunc(second, func(a answer) bool { return a.status == 401 }) {
				b.checkLoss(s.t, used)
				lost++
			}
		})
	}
	wg.Wait()
	all, again := s.cognitos[userPool].calls()
	s.t.Logf("%s: %d of %d sign-ins lost; %d calls, %d of a used refresh token; %v; at the next requests %v; all answered after %v",
		name, lost, browsers, all-allBefore, again-againBefore, got, next, longest.Round(time.Millisecond))
	if graces[userPool] > 0 && (got[200] != total(got) || next[200] != total(next)) {
		s.t.Errorf("%s: requests have failed: %v, then %v", name, got, next)
	}
	if longest >= lease {
		s.t.Errorf("%s: a replica has waited for a claim whose holder was done: %v", name, longest)
	}
}

// lease is how long a claim is waited for.
const lease = 8 * time.Second
