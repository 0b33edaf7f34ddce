package page_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/page"
)

// A client is a kind of client with what it sends. Those with a name are in the
// documentation's table.
type client struct {
	name   string
	sends  string   // "GET", then headers, one after another
	rule   int      // decides
	bearer bool     // Config.Bearer is set
	also   []string // requests that are decided likewise
}

const (
	html = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	form = "Content-Type: application/x-www-form-urlencoded"
)

var clients = []client{
	{name: "a browser", sends: "GET; Sec-Fetch-Mode: navigate; " + html, rule: 4, also: []string{
		"GET; Sec-Fetch-Mode: navigate; Sec-Fetch-Dest: document; " + html,
		"HEAD; Sec-Fetch-Mode: navigate",
		"GET; Sec-Fetch-Mode: navigate; Accept: application/json",
		"GET; Sec-Fetch-Mode: navigate; Authorization: Basic x",
		"GET; Sec-Fetch-Mode: navigate; Authorization: Bearer x",
		"GET; Sec-Fetch-Mode: navigate; Upgrade: h2c",
		"GET; Sec-Fetch-Mode: navigate; Upgrade: websocket", // a WebView's app may add what it likes
		"GET; Sec-Fetch-Mode: navigate; X-Requested-With: XMLHttpRequest",
		"GET; Sec-Fetch-Mode: navigate; HX-Request: true",
	}},
	{name: "a browser's frame", sends: "GET; Sec-Fetch-Mode: navigate; Sec-Fetch-Dest: iframe", rule: 4},
	{name: "a browser's form", sends: "POST; Sec-Fetch-Mode: navigate; " + form, rule: 4, also: []string{
		"POST; Sec-Fetch-Mode: navigate; Content-Type: text/plain",
	}},
	{name: "a browser without Fetch Metadata", sends: "GET; " + html, rule: 11, also: []string{
		"HEAD; Accept: text/html",
		"GET; Accept: application/json, TEXT/HTML",
		"GET; Accept: application/json, text/html ; q=0.2",
		"GET; Accept: application/json; Accept: text/html",
		"GET; Accept: text/html; Authorization: Bearer x",
		"GET; Accept: text/html; Sec-Fetch-Mode: ",
		"GET; Accept: text/html; HX-Request: false",
		"GET; Accept: text/html; Upgrade: h2c",
		"GET; Accept: text/html; Upgrade: TLS/1.0, HTTP/2.0",
	}},
	{name: "its form", sends: "POST; " + form + "; " + html, rule: 11, also: []string{
		"POST; Content-Type: multipart/form-data; boundary=x; Accept: text/html",
		"POST; Content-Type: Text/Plain; Accept: text/html",
	}},
	{name: "Android's WebView", sends: "GET; Sec-Fetch-Mode: navigate; X-Requested-With: com.example.app", rule: 4},
	{name: "an older WebView", sends: "GET; X-Requested-With: com.example.app; " + html, rule: 11},
	{name: "`fetch`, axios", sends: "GET; Sec-Fetch-Mode: cors; Accept: */*", rule: 5, also: []string{
		"GET; Sec-Fetch-Mode: same-origin; Accept: text/html",
		"POST; Sec-Fetch-Mode: cors; " + form,
		"POST; Sec-Fetch-Mode: no-cors; Content-Type: text/plain", // sendBeacon
		"GET; Sec-Fetch-Mode: something-new; Accept: text/html",
		"GET; Sec-Fetch-Mode: NAVIGATE; Accept: text/html",
	}},
	{name: "axios without Fetch Metadata", sends: "GET; Accept: application/json, text/plain, */*", rule: 13},
	{name: "`fetch` without Fetch Metadata", sends: "GET; Accept: */*", rule: 12},
	{name: "jQuery, XMLHttpRequest", sends: "GET; X-Requested-With: XMLHttpRequest; Accept: text/html", rule: 7, also: []string{
		"POST; X-Requested-With: xmlhttprequest; " + form,
	}},
	{name: "an image, a style sheet, a script", sends: "GET; Sec-Fetch-Mode: no-cors; Accept: image/avif,image/webp,*/*;q=0.8", rule: 5},
	{name: "the same without Fetch Metadata", sends: "GET; Accept: image/avif,image/webp,*/*;q=0.8", rule: 13, also: []string{
		"GET; Accept: image/*", "GET; Accept: text/css", "GET; Accept: text/css,*/*;q=0.1", "GET; Accept: text/x-component",
		"GET; Accept: application/json, text/html;q=0", "GET; Accept: application/json, text/html; q=0.000",
		"GET; Accept: application/json;q=0.9;v=text/html", "GET; Accept: text/html5", "GET; Accept: application/vnd.api+json",
	}},
	{name: "htmx", sends: "GET; HX-Request: true; Sec-Fetch-Mode: cors; Accept: */*", rule: 5},
	{name: "htmx without Fetch Metadata", sends: "GET; HX-Request: true; Accept: */*", rule: 6, also: []string{
		"POST; HX-Request: true; HX-Boosted: true; " + form + "; " + html,
	}},
	{name: "htmx's preload", sends: "GET; HX-Preloaded: true; HX-Request: true; Sec-Fetch-Mode: cors", rule: 2, also: []string{
		"GET; HX-Preloaded: true; Accept: text/html",
	}},
	{name: "Turbo", sends: "GET; Sec-Fetch-Mode: cors; Accept: text/html, application/xhtml+xml", rule: 5},
	{name: "Turbo without Fetch Metadata", sends: "GET; Accept: text/html, application/xhtml+xml", rule: 11},
	{name: "Turbo's load on hover", sends: "GET; X-Sec-Purpose: prefetch; Sec-Fetch-Mode: cors; Accept: text/html, application/xhtml+xml", rule: 2},
	{name: "a browser's prefetch", sends: "GET; Sec-Purpose: prefetch; Sec-Fetch-Mode: navigate; " + html, rule: 2, also: []string{
		"GET; Sec-Purpose: prefetch;anonymous-client-ip", "GET; Sec-Purpose: Prefetch", "GET; Purpose: prefetch; Accept: text/html",
		"GET; X-Moz: prefetch; Accept: text/html", "GET; X-Purpose: prefetch", "GET; Sec-Purpose: prefetch; Sec-Fetch-Mode: no-cors",
	}},
	{name: "a browser's prerendering", sends: "GET; Sec-Purpose: prefetch;prerender; Sec-Fetch-Mode: navigate; " + html, rule: 2},
	{name: "a service worker that hands on a navigation", sends: "GET; Sec-Fetch-Mode: navigate; Sec-Fetch-Dest: document", rule: 4, also: []string{
		"GET; Sec-Fetch-Mode: navigate; Service-Worker-Navigation-Preload: true",
	}},
	{name: "a service worker's own `fetch`", sends: "GET; Sec-Fetch-Mode: same-origin; Sec-Fetch-Dest: empty", rule: 5},
	{name: "a service worker's script", sends: "GET; Service-Worker: script; Sec-Fetch-Mode: same-origin; Sec-Fetch-Dest: serviceworker", rule: 5},
	{name: "EventSource", sends: "GET; Sec-Fetch-Mode: cors; Accept: text/event-stream", rule: 5},
	{name: "EventSource without Fetch Metadata", sends: "GET; Accept: text/event-stream", rule: 9, also: []string{
		"GET; Accept: text/html, text/event-stream",
	}},
	{name: "a WebSocket", sends: "GET; Sec-Fetch-Mode: websocket; Connection: Upgrade; Upgrade: websocket", rule: 5},
	{name: "a program's WebSocket", sends: "GET; Connection: Upgrade; Upgrade: websocket", rule: 8, also: []string{
		"GET; Upgrade: h2c, WebSocket/13; Accept: text/html",
	}},
	{name: "a WebSocket over HTTP/2", sends: "CONNECT", rule: 3},
	{name: "gRPC", sends: "POST; Content-Type: application/grpc; TE: trailers", rule: 10},
	{name: "gRPC-web", sends: "POST; Sec-Fetch-Mode: cors; Content-Type: application/grpc-web+proto; X-Grpc-Web: 1", rule: 5},
	{name: "a program's gRPC-web", sends: "POST; Content-Type: application/grpc-web-text; Accept: */*", rule: 10},
	{name: "Connect", sends: "POST; Content-Type: application/connect+proto; Connect-Protocol-Version: 1", rule: 10, also: []string{
		"POST; Content-Type: application/proto", "POST; Content-Type: application/connect+json", "POST; Content-Type: application/json; Accept: */*",
	}},
	{name: "protobuf, XML, bytes", sends: "POST; Content-Type: application/x-protobuf", rule: 10, also: []string{
		"POST; Content-Type: application/protobuf; Accept: text/html", "POST; Content-Type: application/xml", "POST; Content-Type: text/xml", "POST; Content-Type: application/octet-stream",
		"POST; Content-Type: application/problem+JSON", "POST", "POST; Accept: text/html", "POST; Content-Type: text/plainer",
		"POST; Content-Type: application/json, application/x-www-form-urlencoded",
	}},
	{name: "an API's client", sends: "GET; Accept: application/json", rule: 13, also: []string{"POST; Accept: application/json; " + form}},
	{name: "its other methods", sends: "DELETE; Accept: application/json", rule: 3, also: []string{
		"PUT", "PATCH; Sec-Fetch-Mode: navigate", "OPTIONS; Accept: text/html", "get; Accept: text/html",
	}},
	{name: "curl, a link checker", sends: "GET; Accept: */*", rule: 12, also: []string{
		"HEAD; Accept: */*", "GET; Accept: */*;q=0.8", "GET; Accept: ", "GET; Accept: */*; Authorization: Bearer x", "GET; Accept: */*; Accept: */*",
	}},
	{name: "`curl -d`", sends: "POST; Accept: */*; " + form, rule: 12},
	{name: "a client that sends no Accept, as Go's", sends: "GET", rule: 12, also: []string{"POST; " + form}},
	{name: "a bearer token with `Config.Bearer`", sends: "GET; Authorization: Bearer …; Accept: */*", bearer: true, rule: 1, also: []string{
		"GET; Authorization: bearer x; Sec-Fetch-Mode: navigate; " + html, "POST; Authorization: Bearer x; " + form,
		"GET; Authorization: Bearer ; Accept: text/html", "GET; Authorization: Basic x; Authorization: Bearer x",
	}},
	{name: "a bearer token without it", sends: "GET; Authorization: Bearer …; Accept: */*", rule: 12},
	{sends: "GET; Authorization: Basic x; Accept: */*", bearer: true, rule: 12},
}

// request makes the request that a client sends.
func request(sends string) *http.Request {
	fields := strings.Split(sends, "; ")
	r := httptest.NewRequest(fields[0], "/", nil)
	var last []string
	for _, field := range fields[1:] {
		name, value, ok := strings.Cut(field, ": ")
		if !ok { // a parameter of the last value
			last[len(last)-1] += "; " + field
			continue
		}
		r.Header.Add(name, value)
		last = r.Header.Values(name)
	}
	return r
}

func TestClients(t *testing.T) {
	decided := make(map[int]bool)
	for _, c := range clients {
		decided[c.rule] = true
		for _, sends := range append(c.also, c.sends) {
			if got := page.RuleNumber(request(sends), c.bearer); got != c.rule {
				t.Errorf("%s: rule %d decides about %q, want rule %d", c.name, got, sends, c.rule)
			}
		}
	}
	for rule := 1; rule <= page.RuleCount; rule++ {
		if !decided[rule] {
			t.Errorf("rule %d decides about no client", rule)
		}
	}
}

// TestOnlyPagesAreRepeated: a form's POST navigates, but is not sent back after a
// sign-in, and its answer clears nothing.
func TestOnlyPagesAreRepeated(t *testing.T) {
	for _, c := range []struct {
		sends                   string
		navigates, is, mayClear bool
	}{
		{"GET; Sec-Fetch-Mode: navigate", true, true, true},
		{"HEAD; Accept: text/html", true, true, true},
		{"GET; Accept: */*", true, true, false},
		{"GET", true, true, false},
		{"POST; Sec-Fetch-Mode: navigate; " + form, true, false, false},
		{"POST; " + form + "; Accept: text/html", true, false, false},
		{"GET; Sec-Fetch-Mode: cors", false, false, false},
		{"GET; Sec-Fetch-Mode: navigate; Sec-Purpose: prefetch", false, false, false},
	} {
		r := request(c.sends)
		if n, is, clears := page.Navigates(r, false), page.Is(r, false), page.MayClear(r); n != c.navigates || is != c.is || clears != c.mayClear {
			t.Errorf("%s: navigates %v, is a page %v, may clear %v", c.sends, n, is, clears)
		}
	}
}

// TestUpgrades: an answer that ends HTTP may carry no cookies. One to "h2c", which some
// proxies and clients add to every request, does.
func TestUpgrades(t *testing.T) {
	for sends, want := range map[string]bool{
		"GET": false, "GET; Upgrade: h2c": false, "GET; Upgrade: H2C": false, "GET; Upgrade: ": false,
		"GET; Upgrade: websocket": true, "GET; Upgrade: h2c, websocket": true, "GET; Upgrade: h2c; Upgrade: WebSocket": true,
		"POST; Upgrade: SPDY/3.1": true, "CONNECT": true,
	} {
		if got := page.IsUpgrade(request(sends)); got != want {
			t.Errorf("%s: %v", sends, got)
		}
	}
}

// TestDocument compares docs/navigation.md with the rules and with the clients above.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/navigation.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| client | what it sends | rule | without a session |\n|---|---|---:|---|\n")
	for _, c := range clients {
		if c.name == "" {
			continue
		}
		answer, r := "401", request(c.sends)
		switch {
		case page.Is(r, c.bearer):
			answer = "307"
		case page.Navigates(r, c.bearer):
			answer = "303"
		}
		if page.IsHTMX(r) && !page.IsPrefetch(r) {
			answer += ", `HX-Redirect`"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %d | %s |\n", c.name, c.sends, c.rule, answer)
	}
	for name, table := range map[string]string{"rules": page.RulesTable(), "clients": b.String()} {
		if !strings.Contains(string(text), "\n\n"+table+"\n") {
			t.Errorf("docs/navigation.md lacks the table of the %s:\n%s", name, table)
		}
	}
}
