package matcher_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cognitogate/cognitogate/matcher"
)

func ExampleCompile() {
	p, err := matcher.Compile("/((?!api|_next/static|favicon.ico).*)")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Match("/dashboard"), p.Match("/api/users"))

	_, err = matcher.Compile("/blog/(\\d+")
	fmt.Println(err)
	// Output:
	// true false
	// invalid pattern "/blog/(\\d+": unbalanced pattern at offset 6
}

func ExampleNew() {
	m, err := matcher.New(
		matcher.Rule{Source: "/dashboard/:path*"},
		matcher.Rule{
			Source:  "/api/:path*",
			Missing: []matcher.Condition{{Type: "header", Key: "X-Health-Check"}},
		},
	)
	if err != nil {
		log.Fatal(err)
	}
	for _, target := range []string{"/", "/dashboard/settings", "/%64ashboard", "/api/users"} {
		fmt.Println(target, m.Match(httptest.NewRequest("GET", target, nil)))
	}
	// Output:
	// / false
	// /dashboard/settings true
	// /%64ashboard true
	// /api/users true
}

func ExampleRules() {
	// The matcher of a Next.js middleware.ts, as JSON.
	const config = `[
		"/dashboard/:path*",
		{
			"source": "/((?!_next/static|_next/image|favicon.ico).*)",
			"missing": [
				{"type": "header", "key": "next-router-prefetch"},
				{"type": "header", "key": "purpose", "value": "prefetch"}
			]
		}
	]`
	var rules matcher.Rules
	if err := json.Unmarshal([]byte(config), &rules); err != nil {
		log.Fatal(err)
	}
	m, err := matcher.New(rules...)
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/settings", nil)
	fmt.Println(m.Match(r))
	r.Header.Set("Purpose", "prefetch")
	fmt.Println(m.Match(r))
	// Output:
	// true
	// false
}

func ExampleMatcher_Rule() {
	m, err := matcher.New(matcher.Paths("/dashboard/:path*", "/account")...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Rule("/account", nil))
	fmt.Println(m.Rule("/pricing", nil))
	// Output:
	// 1 true
	// 0 false
}
