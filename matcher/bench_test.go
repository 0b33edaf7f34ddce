package matcher_test

import (
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

const (
	docPattern = "/((?!api|_next/static|_next/image|favicon.ico|sitemap.xml|robots.txt).*)"
	longPath   = "/dashboard/teams/blue-whale/projects/2f9d1c7e-5a04-4b8e-9f3a-7d1f1d2c0b6a/settings/members/invite/new/"
)

// twentyPaths are the patterns of a middling application.
var twentyPaths = []string{
	"/dashboard/:path*", "/admin/:path*", "/account/:path*", "/settings/:path*", "/billing/:id(\\d+)/:rest*",
	"/api/private/:path*", "/api/v1/users/:id", "/api/v1/orders/:id(\\d+)", "/teams/:team/members/:member?",
	"/projects/:project/(edit|delete)", "/reports/((?!public).*)", "/files/:path+", "/(en|de|fr)/profile", "/inbox",
	"/messages/:id/:rest*", "/search/(.*)", "/docs/internal/:path*", "/orders/:id-:slug", "/u/:name/edit",
	"/static/((?!css|js).*)",
}

func BenchmarkMatch(b *testing.B) {
	twenty, err := matcher.New(matcher.Paths(twentyPaths...)...)
	if err != nil {
		b.Fatal(err)
	}
	pattern := func(source string) func(string) bool { return matcher.MustCompile(source).Match }
	for _, bm := range []struct {
		name  string
		match func(string) bool
		path  string
		want  bool
	}{
		{"documentation/10B", pattern(docPattern), "/dashboard", true},
		{"documentation/100B", pattern(docPattern), longPath, true},
		{"documentation/excluded", pattern(docPattern), "/_next/static/chunks/main-app-0123456789abcdef.js", false},
		{"documentation/10kB", pattern(docPattern), strings.Repeat(longPath, 100), true},
		{"segments/hit", pattern("/dashboard/:path*"), longPath[:20], true},
		{"segments/miss", pattern("/dashboard/:path*"), "/public/index.html", false},
		{"lookbehind/100B", pattern(`/(.*(?<!\.(?:png|jpg|svg)))`), longPath, true},
		{"1of1/miss", pattern(twentyPaths[0]), "/public/index.html", false},
		{"1of20/miss", func(path string) bool { return twenty.MatchPath(path, nil) }, "/public/index.html", false},
		{"1of20/last", func(path string) bool { return twenty.MatchPath(path, nil) }, "/static/img/logo", true},
	} {
		b.Run(bm.name, func(b *testing.B) {
			if bm.match(bm.path) != bm.want {
				b.Fatalf("match is not %v", bm.want)
			}
			b.ReportAllocs()
			for b.Loop() {
				bm.match(bm.path)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for name, source := range map[string]string{"documentation": docPattern, "segments": "/dashboard/:path*"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				matcher.MustCompile(source)
			}
		})
	}
}
