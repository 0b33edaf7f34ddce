package bench

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/matcher"
	"github.com/dlclark/regexp2"
)

const (
	docPattern = "/((?!api|_next/static|_next/image|favicon.ico|sitemap.xml|robots.txt).*)"
	docRegexp  = `^(?:\/((?!api|_next\/static|_next\/image|favicon.ico|sitemap.xml|robots.txt).*))[\/#\?]?$`

	behindPattern = `/(.*(?<!\.(?:png|jpg|svg)))`
	behindRegexp  = `^(?:\/(.*(?<!\.(?:png|jpg|svg))))[\/#\?]?$`

	path10  = "/dashboard"
	path100 = "/dashboard/teams/blue-whale/projects/2f9d1c7e-5a04-4b8e-9f3a-7d1f1d2c0b6a/settings/members/invite/1"
)

// twentyPaths are the patterns of a middling application.
var twentyPaths = []string{
	"/dashboard/:path*", "/admin/:path*", "/account/:path*", "/settings/:path*", "/billing/:id(\\d+)/:rest*",
	"/api/private/:path*", "/api/v1/users/:id", "/api/v1/orders/:id(\\d+)", "/teams/:team/members/:member?",
	"/projects/:project/(edit|delete)", "/reports/((?!public).*)", "/files/:path+", "/(en|de|fr)/profile", "/inbox",
	"/messages/:id/:rest*", "/search/(.*)", "/docs/internal/:path*", "/orders/:id-:slug", "/u/:name/edit",
	"/static/((?!css|js).*)",
}

// misses are paths that none of twentyPaths matches.
var misses = []string{"/", "/public/index.html", "/pricing", "/assets/app.js", "/api/v1/health", "/about/team", "/favicon.ico", "/en/blog/2026/hello"}

func pattern(source string) func(string) bool { return matcher.MustCompile(source).Match }

func set(sources ...string) func(string) bool {
	m, err := matcher.New(matcher.Paths(sources...)...)
	if err != nil {
		panic(err)
	}
	return func(path string) bool { return m.MatchPath(path, nil) }
}

// backtracking is regexp2, the engine for Go that knows lookarounds, with the
// classes of JavaScript. (With those of .NET, which are not the same, it is about
// twice as fast on long paths.)
func backtracking(source string) func(string) bool {
	re := regexp2.MustCompile(source, regexp2.ECMAScript)
	return func(path string) bool {
		ok, err := re.MatchString(path)
		return ok && err == nil
	}
}

// twoPasses is what package regexp can do about a lookahead at the front.
func twoPasses(include, exclude string) func(string) bool {
	in, out := regexp.MustCompile(include), regexp.MustCompile(exclude)
	return func(path string) bool { return in.MatchString(path) && !out.MatchString(path) }
}

// BenchmarkRatio measures each engine against its floor in turns of the same
// run, so that a busy machine slows both, and reports the median of how many
// times slower it is. It fails where a target is missed.
func BenchmarkRatio(b *testing.B) {
	long := strings.Repeat(path100, 100)
	random := make([]byte, 10_000) // leaves the processor nothing to predict
	for i := range random {
		random[i] = 'a' + byte(rand.IntN(2))
	}
	for _, bm := range []struct {
		name             string
		floor, measured  func(string) bool
		paths            []string
		atLeast, atMost  float64 // targets; 0 if there is none
		answersMayDiffer bool
	}{
		{name: "M1/documentation-10B/regexp2", floor: pattern(docPattern), measured: backtracking(docRegexp), paths: []string{path10}, atLeast: 10},
		{name: "M1/documentation-10B/regexp", floor: pattern(docPattern), measured: twoPasses(`^(?:/(.*))[/#?]?$`, `^/(?:api|_next/static|_next/image|favicon.ico|sitemap.xml|robots.txt)`), paths: []string{path10}},
		{name: "M2/documentation-100B/regexp2", floor: pattern(docPattern), measured: backtracking(docRegexp), paths: []string{path100}, atLeast: 10},
		{name: "M2/documentation-excluded/regexp2", floor: pattern(docPattern), measured: backtracking(docRegexp), paths: []string{"/_next/static/chunks/main-app-0123456789abcdef.js"}},
		{name: "M3/20-patterns-against-1", floor: set(twentyPaths[0]), measured: set(twentyPaths...), paths: misses, atMost: 2},
		{name: "M4/lookbehind-100B/regexp2", floor: pattern(behindPattern), measured: backtracking(behindRegexp), paths: []string{path100}, atLeast: 2},
		{name: "M5/10kB/documentation", floor: pattern("/(.*)"), measured: pattern(docPattern), paths: []string{long}, atMost: 3},
		{name: "M5/10kB/lookbehind", floor: pattern("/(.*)"), measured: pattern(behindPattern), paths: []string{long}, atMost: 3},
		{name: "M5/10kB/segments", floor: pattern("/(.*)"), measured: pattern("/dashboard/:path*"), paths: []string{long}, atMost: 3},
		{name: "M5/10kB/not-at-the-end", floor: pattern("/(.*)"), measured: pattern("/((?!.*//).*)"), paths: []string{long}, atMost: 3},
		{name: "M5/10kB/nested-stars", floor: pattern("/(.*)"), measured: pattern("/((?:(?:a|aa)*)*)b"), paths: []string{"/" + strings.Repeat("a", 10_000)}, atMost: 3, answersMayDiffer: true},
		{name: "M5/10kB/backward", floor: pattern("/(.*)"), measured: pattern("/(.*a.{12})"), paths: []string{"/" + strings.Repeat("ba", 5_000)}, atMost: 3, answersMayDiffer: true},
		{name: "M5/10kB/restless", floor: pattern("/(.*)"), measured: pattern("/(.*a.b?.)"), paths: []string{"/" + string(random)}, atMost: 3, answersMayDiffer: true},
		{name: "M5/10kB/not-ascii", floor: pattern("/(.*)"), measured: pattern("/([à-ÿ]+)"), paths: []string{"/" + strings.Repeat("éè", 2_500)}, atMost: 3},
	} {
		b.Run(bm.name, func(b *testing.B) {
			for _, path := range bm.paths {
				if !bm.answersMayDiffer && bm.floor(path) != bm.measured(path) {
					b.Fatalf("answers differ on %q", path)
				}
			}
			// Turns of about a tenth of a millisecond.
			floorTimes, times := calls(bm.floor, bm.paths), calls(bm.measured, bm.paths)
			var ratios []float64
			for b.Loop() {
				floor := clock(bm.floor, bm.paths, floorTimes)
				measured := clock(bm.measured, bm.paths, times)
				ratios = append(ratios, measured/floor)
			}
			slices.Sort(ratios)
			ratio := ratios[len(ratios)/2]
			b.ReportMetric(0, "ns/op") // of two engines together: means nothing
			b.ReportMetric(ratio, "×")
			if len(ratios) > 10 && (ratio < bm.atLeast || bm.atMost > 0 && ratio > bm.atMost) {
				b.Errorf("×%.2f misses the target: at least ×%g, at most ×%g", ratio, bm.atLeast, bm.atMost)
			}
		})
	}
}

// calls returns how often match can be called on the paths in a turn.
func calls(match func(string) bool, paths []string) int {
	n := 1
	for clock(match, paths, n)*float64(n) < 1e5 {
		n *= 2
	}
	return n
}

// clock returns the nanoseconds that one round over the paths takes.
func clock(match func(string) bool, paths []string, rounds int) float64 {
	start := time.Now()
	for range rounds {
		for _, path := range paths {
			match(path)
		}
	}
	return float64(time.Since(start).Nanoseconds()) / float64(rounds)
}
