//go:build unix

package main

import (
	"math/rand/v2"
	"strings"

	"github.com/dlclark/regexp2"

	"github.com/cognitogate/cognitogate/matcher"
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

// over turns a match of the paths into a turn.
func over(match func(string) bool, paths ...string) turn {
	return repeated(func() {
		for _, path := range paths {
			match(path)
		}
	})
}

// patterns measures package matcher against regexp2, and against itself.
func (b *bench) patterns() {
	part := b.perGroup / 4
	documented := pattern(docPattern)
	b.add(atLeast("M1", "documentation's pattern, 10-byte path, regexp2 over ours",
		interleave(part, over(documented, path10), over(backtracking(docRegexp), path10)).ratio(1, 0), "× %.1f", 10))
	objects, _ := allocations(200, func() { documented(path10) })
	b.add(atMost("M1", "its allocations", exactly(objects), "%.0f", 0))
	b.add(atLeast("M2", "the same, 100-byte path",
		interleave(part, over(documented, path100), over(backtracking(docRegexp), path100)).ratio(1, 0), "× %.1f", 10))
	b.add(atMost("M3", "20 patterns that do not match, over one",
		interleave(part, over(set(twentyPaths[0]), misses...), over(set(twentyPaths...), misses...)).ratio(1, 0), "× %.2f", 2))
	b.add(atLeast("M4", "lookbehind, 100-byte path, regexp2 over ours",
		interleave(part, over(pattern(behindPattern), path100), over(backtracking(behindRegexp), path100)).ratio(1, 0), "× %.1f", 2))

	var slowest spread
	var name string
	for _, l := range longPaths() {
		ratio := interleave(part/2, over(pattern("/(.*)"), l.path), over(pattern(l.pattern), l.path)).ratio(1, 0)
		if ratio.median > slowest.median {
			slowest, name = ratio, l.pattern
		}
	}
	b.add(atMost("M5", "10 kB path over /(.*), the slowest pattern: "+name, slowest, "× %.2f", 3))
}

// longPath is a path that is long and hard for a pattern.
type longPath struct{ pattern, path string }

func longPaths() []longPath {
	usual := strings.Repeat(path100, 100)
	random := make([]byte, 10_000) // leaves the processor nothing to predict
	for i := range random {
		random[i] = 'a' + byte(rand.IntN(2))
	}
	return []longPath{
		{docPattern, usual},
		{behindPattern, usual},
		{"/dashboard/:path*", usual},
		{"/((?!.*//).*)", usual},
		{"/((?:(?:a|aa)*)*)b", "/" + strings.Repeat("a", 10_000)},
		{"/(.*a.{12})", "/" + strings.Repeat("ba", 5_000)},
		{"/(.*a.b?.)", "/" + string(random)},
		{"/([à-ÿ]+)", "/" + strings.Repeat("éè", 2_500)},
	}
}
