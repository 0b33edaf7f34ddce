//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// growth measures what more cookies, more sessions and more processors cost.
func (b *bench) growth() {
	s := newSite(newServer())
	few, many := s.signedIn("/dashboard/1"), s.signedIn("/dashboard/1")
	prefix := s.cookiePrefix()
	var pairs []string
	for pair := range strings.SplitSeq(few.Header.Get("Cookie"), "; ") {
		if strings.HasPrefix(pair, prefix) && !strings.Contains(pair, ".clockDrift=") {
			pairs = append(pairs, pair)
		}
	}
	few.Header.Set("Cookie", strings.Join(pairs, "; "))
	others := make([]string, 150-len(pairs))
	for i := range others {
		others[i] = fmt.Sprintf("other%d=%d", i, i)
	}
	many.Header.Set("Cookie", strings.Join(append(others, pairs...), "; "))
	c := interleave(b.perGroup, repeated(serving(s.guarded, few, 200)), repeated(serving(s.guarded, many, 200)))
	b.add(atMost("P7", fmt.Sprintf("request with 150 cookies, over one with %d", len(pairs)), c.ratio(1, 0), "× %.2f", 2))

	sessions, goroutines := cacheRatios()
	b.add(atMost("P7", "cache hit among 100000 sessions, over one among 1", exactly(sessions), "× %.2f", 3))
	b.add(atMost("P7", "cache hits of two goroutines, over those of one", exactly(goroutines), "× %.2f", 1.2))
}

// cacheRatios runs the benchmark of the cache, which only its own package can reach:
// to sign 100 000 sessions would take minutes.
func cacheRatios() (sessions, goroutines float64) {
	dir := output(exec.Command("go", "list", "-m", "-f", "{{.Dir}}", modulePath))
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkCache$", "-benchtime", "2s", "./internal/clockcache")
	cmd.Dir = strings.TrimSpace(dir)
	cmd.Env = append(os.Environ(), "GOFLAGS=") // a modfile is for this module
	text := output(cmd)
	return ratioIn(text, "100000_sessions"), ratioIn(text, "two_goroutines")
}

const modulePath = "github.com/cognitogate/cognitogate"

// ratioIn returns what a benchmark reports in the unit one/op.
func ratioIn(text, benchmark string) float64 {
	m := regexp.MustCompile(benchmark + `.*?([0-9.]+) one/op`).FindStringSubmatch(text)
	if m == nil {
		panic("no ratio of " + benchmark + " in:\n" + text)
	}
	ratio, err := strconv.ParseFloat(m[1], 64)
	check(err)
	return ratio
}

func output(cmd *exec.Cmd) string {
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		panic(fmt.Sprintf("%s: %v\n%s", cmd, err, out))
	}
	return string(out)
}

// cacheMemory measures the memory of cached sessions. Collections are forced here, to
// see what is left; nothing is timed.
func (b *bench) cacheMemory() {
	const sessions = 2000
	s := newSite(newServer())
	requests := make([]*http.Request, sessions)
	inParallel(sessions, func(i int) {
		requests[i] = httptest.NewRequest("GET", "/dashboard/1", nil)
		s.server.SignIn(requests[i], "ada")
	})
	serving(s.guarded, s.signedIn("/dashboard/1"), 200)()
	before := liveHeap()
	w := discard{http.Header{}}
	for _, r := range requests {
		s.guarded.ServeHTTP(w, r)
	}
	after := liveHeap()
	runtime.KeepAlive(requests)
	runtime.KeepAlive(s)
	b.add(atMost("P8", "memory of a cached session", exactly(float64(after.HeapAlloc-before.HeapAlloc)/sessions/1000), "%.2f kB", 4))
	b.add(atMost("P8", "heap objects of a cached session", exactly(float64(after.HeapObjects-before.HeapObjects)/sessions), "%.1f", 7))
}

func liveHeap() (stats runtime.MemStats) {
	repeat(3, runtime.GC) // a sync.Pool keeps its content for two collections
	runtime.ReadMemStats(&stats)
	return stats
}
