//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/matcher"
	"github.com/cognitogate/cognitogate/middleware"
)

// construction measures middleware.New.
func (b *bench) construction() {
	server := newServer()
	usual := func() { newSite(server) }
	rules := make([]matcher.Rule, 1000)
	for i := range rules {
		rules[i].Source = fmt.Sprintf("/section-%d/:id(\\d+)/:path*", i)
	}
	thousand := func() {
		newSite(server, func(cfg *middleware.Config) { cfg.Matcher, cfg.Rules = nil, rules })
	}
	c := interleave(b.perGroup, repeated(b.signatureCheck), repeated(usual), repeated(thousand))
	b.add(atMost("P11", "New with the usual pattern", c.median(1).times(1e-6), "%.2f ms", 2))
	b.add(informs("P11", "the same", c.ratio(1, 0), "%.0f A"))
	b.add(atMost("P11", "New with 1000 rules", c.median(2).times(1e-6), "%.0f ms", 100))
	_, bytes := allocations(1, thousand)
	b.add(atMost("P11", "what it allocates", exactly(bytes/1e6), "%.1f MB", 40))
}

// conditions measures rules with conditions on a request that somebody has made large
// and odd, over a request with the same cookies for a plain path and no rules.
func (b *bench) conditions() {
	server := newServer()
	line := strings.Repeat("other=0123456789abcdef; ", 2000) + "name=Zo\xe9"
	request := func(path string) *http.Request {
		r := httptest.NewRequest("GET", path, nil)
		r.Header["Cookie"] = slices.Repeat([]string{line}, 20)
		return r
	}
	rules := make([]matcher.Rule, 4)
	for i := range rules {
		rules[i] = matcher.Rule{Source: "/:path*", Has: []matcher.Condition{{Type: "header", Key: "cookie", Value: fmt.Sprintf(".*secret%d.*", i)}}}
	}
	plain := newSite(server)
	ruled := newSite(server, func(cfg *middleware.Config) {
		cfg.Matcher, cfg.Rules, cfg.ClientConditions = nil, rules, []string{"header"}
	})
	floor := repeated(serving(plain.guarded, request("/dashboard/1"), http.StatusTemporaryRedirect))
	w := discard{http.Header{}}
	odd := func() { ruled.guarded.ServeHTTP(w, request("/a;b/%2e/c//%2561/d/../e%2F;f/%5C")) }
	c := interleave(0, floor, func() float64 { return cpuNanoseconds(odd) })
	b.add(atMost("P12", "1 MB of cookies, odd path, four rules; over no rules", c.ratio(1, 0), "× %.1f", 5))
	_, bytes := allocations(1, odd)
	b.add(atMost("P12", "what such a request allocates", exactly(bytes/1e6), "%.1f MB", 4))
}
