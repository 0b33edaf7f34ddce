package main

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// decisions counts requests by what the guards have decided.
type decisions map[cognito.Decision]int

// loadClient is one of many browsers that use the site at once.
type loadClient struct {
	*visitor
	user   string // who is signed in, or empty
	random *rand.Rand
}

// targets are the paths of the load, with the way in which they are asked for. A long answer
// with a Content-Length would arrive before it is in the log; none of these has one.
var targets = []struct {
	method, path string
	script       bool
}{
	{"GET", "/", false}, {"GET", "/dashboard", false}, {"GET", "/dashboard", true}, {"POST", "/dashboard/notes", false},
	{"GET", "/admin", false}, {"GET", "/admin", true}, {"GET", "/apis/get-current-user", true}, {"GET", "/healthz", true},
	{"HEAD", "/dashboard", true}, {"GET", "/nowhere", false}, {"GET", "/static/icon.svg", false}, {"GET", "/readyz", false},
}

// request sends a request that is chosen at random. It returns what the guards have decided,
// as the client sees it.
func (c *loadClient) request() (cognito.Decision, error) {
	target := targets[c.random.IntN(len(targets))]
	var body io.Reader
	if target.method == "POST" {
		body = strings.NewReader(url.Values{"text": {"a note under load"}}.Encode())
	}
	r, err := http.NewRequest(target.method, c.demo.origin+target.path, body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if target.script {
		r.Header.Set("Accept", "*/*")
		r.Header.Set("Sec-Fetch-Mode", "cors")
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	return c.decision(target.path, resp, string(page))
}

// decision tells from an answer what the guards have decided.
func (c *loadClient) decision(path string, resp *http.Response, page string) (cognito.Decision, error) {
	status := resp.StatusCode
	switch {
	case path == "/healthz" && status == 200, path == "/static/icon.svg" && status == 200:
		return cognito.DecisionPublic, nil
	case path == "/" && status == 200:
		if strings.Contains(page, `<strong id="who">`+c.user+`</strong>`) {
			return cognito.DecisionPassed, nil
		}
		return cognito.DecisionAnonymous, nil
	case strings.HasPrefix(resp.Header.Get("Location"), "/api/auth/sign-in"),
		c.user == "" && status == 400: // the page instead of the third same redirect
		return cognito.DecisionRedirected, nil
	case status == 401:
		return cognito.DecisionRefused, nil
	case status == 403:
		return cognito.DecisionForbidden, nil
	case status == 503:
		return cognito.DecisionUnavailable, nil
	case c.user != "" && (status == 200 || status == 303 || status == 404 && (path == "/nowhere" || path == "/readyz")):
		return cognito.DecisionPassed, nil
	}
	return "", fmt.Errorf("%s, signed in as %q: status %d", path, c.user, status)
}

// forge gives the visitor a session whose access token has another token's signature.
func (v *visitor) forge() {
	v.t.Helper()
	site, err := url.Parse(v.demo.origin)
	if err != nil {
		v.t.Fatal(err)
	}
	r, other := &http.Request{Header: http.Header{}}, v.demo.server.Issue("grace").Access
	set := v.demo.server.SignIn(r, "ada", func(d *cognitotest.Draft) { d.Claims["cognito:groups"] = []string{"admins", "forged"} })
	forged := set.Access[:strings.LastIndexByte(set.Access, '.')] + other[strings.LastIndexByte(other, '.'):]
	for _, c := range r.Cookies() {
		if strings.HasSuffix(c.Name, ".accessToken") {
			c.Value = forged
		}
		if !strings.HasSuffix(c.Name, ".refreshToken") {
			v.client.Jar.SetCookies(site, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/", Secure: true}})
		}
	}
}

// loadClients returns browsers of ada, of grace, of nobody and of a forger.
func (d *demo) loadClients(t *testing.T, each int) (clients []*loadClient) {
	for i := range 4 * each {
		c := &loadClient{visitor: d.visitor(t), random: rand.New(rand.NewPCG(1, uint64(i)))}
		switch i % 4 {
		case 0:
			c.user = "ada"
		case 1:
			c.user = "grace"
		case 2:
			c.forge()
		}
		if c.user != "" {
			c.signIn(c.user)
		}
		clients = append(clients, c)
	}
	return clients
}

// load has all clients send requests at once, and counts what they see.
func load(t *testing.T, clients []*loadClient, requests int) decisions {
	t.Helper()
	var mu sync.Mutex
	seen := make(decisions)
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			for range requests {
				decision, err := c.request()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[decision]++
				mu.Unlock()
			}
		})
	}
	wg.Go(func() { // Prometheus scrapes meanwhile
		for range 5 {
			if resp := clients[0].demo.askOperator("/metrics", nil); resp.StatusCode != 200 {
				t.Errorf("/metrics: %s", resp.Status)
			}
		}
	})
	wg.Wait()
	return seen
}

// sample is a line of Prometheus' text format.
var sample = regexp.MustCompile(`(?m)^(\w+)\{(.*)\} (\d+)$`)

// metric scrapes the operator's port. It adds up the whole numbers of a metric whose labels
// match a pattern, for each value of one label.
func (d *demo) metric(t *testing.T, name, label, pattern string) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	value, match := regexp.MustCompile(`\b`+label+`="([^"]*)"`), regexp.MustCompile(pattern)
	for _, m := range sample.FindAllStringSubmatch(d.askOperator("/metrics", nil).expect(t, 200).body, -1) {
		n, err := strconv.Atoi(m[3])
		if err != nil {
			t.Fatal(err)
		}
		if m[1] != name || !match.MatchString(m[2]) {
			continue
		}
		of := ""
		if found := value.FindStringSubmatch(m[2]); found != nil {
			of = found[1]
		}
		counts[of] += n
	}
	return counts
}

// measured counts the decisions in the metrics.
func (d *demo) measured(t *testing.T) decisions {
	t.Helper()
	counts := make(decisions)
	for decision, n := range d.metric(t, "cognitogate_requests_total", "cognitogate_decision", `auth="site"`) {
		counts[cognito.Decision(decision)] = n
	}
	return counts
}

var loggedDecision = regexp.MustCompile(`msg=request .* decision=(\S+) `)

// logged counts the decisions in the access log.
func (d *demo) logged() decisions {
	counts := make(decisions)
	for _, m := range loggedDecision.FindAllStringSubmatch(d.log.String(), -1) {
		counts[cognito.Decision(m[1])]++
	}
	return counts
}

// since returns the counts without those that were there before.
func (n decisions) since(before decisions) decisions {
	n = maps.Clone(n)
	for d, count := range before {
		if n[d] -= count; n[d] == 0 {
			delete(n, d)
		}
	}
	return n
}

// TestCountsUnderLoad has many browsers use the site while Cognito fails and works again.
// The access log and the metrics count the same as the browsers, and nobody is signed out.
func TestCountsUnderLoad(t *testing.T) {
	t.Parallel() // failing calls wait before the next attempt
	d := newDemo(t)
	d.freeze() // on a slow machine too, tokens expire only when they should
	clients := d.loadClients(t, longtest.Scale(1, 3))
	requests := longtest.Scale(12, 40) // of each client in each part
	logged, measured := d.logged(), d.measured(t)
	total := make(decisions)
	calls := 0 // to refresh, in the last part
	for _, part := range []struct {
		name            string
		outage, expired bool
		want, never     []cognito.Decision
	}{
		{"Cognito works", false, false,
			[]cognito.Decision{cognito.DecisionPassed, cognito.DecisionForbidden, cognito.DecisionRedirected, cognito.DecisionRefused, cognito.DecisionAnonymous, cognito.DecisionPublic},
			[]cognito.Decision{cognito.DecisionUnavailable}},
		{"an outage while the tokens are valid", true, false, []cognito.Decision{cognito.DecisionPassed, cognito.DecisionForbidden}, []cognito.Decision{cognito.DecisionUnavailable}},
		{"an outage after the tokens have expired", true, true, []cognito.Decision{cognito.DecisionUnavailable, cognito.DecisionAnonymous}, []cognito.Decision{cognito.DecisionPassed}},
		{"Cognito works again", false, false, []cognito.Decision{cognito.DecisionPassed, cognito.DecisionForbidden}, []cognito.Decision{cognito.DecisionUnavailable}},
	} {
		if part.outage {
			d.askOperator("/outage", fails).expect(t, http.StatusSeeOther)
		} else {
			d.askOperator("/outage", works).expect(t, http.StatusSeeOther)
		}
		if part.expired {
			d.advance(2 * time.Minute)
		}
		if !part.outage {
			d.advance(15 * time.Second) // after a failure no refresh is tried for a while
		}
		calls = d.server.Calls("GetTokensFromRefreshToken")
		seen := load(t, clients, requests)
		calls = d.server.Calls("GetTokensFromRefreshToken") - calls
		for decision, n := range seen {
			total[decision] += n
		}
		for _, decision := range part.want {
			if seen[decision] == 0 {
				t.Errorf("%s: nobody is %s: %v", part.name, decision, seen)
			}
		}
		for _, decision := range part.never {
			if seen[decision] > 0 {
				t.Errorf("%s: somebody is %s: %v", part.name, decision, seen)
			}
		}
	}
	if got := d.logged().since(logged); !maps.Equal(got, total) {
		t.Errorf("the access log has %v, the browsers count %v", got, total)
	}
	if got := d.measured(t).since(measured); !maps.Equal(got, total) {
		t.Errorf("Prometheus has %v, the browsers count %v", got, total)
	}
	signedIn := 0
	for _, c := range clients {
		if c.user != "" {
			signedIn++
			c.open("/dashboard").expect(t, 200, "nothing was refreshed", c.user)
		}
	}
	for _, c := range []struct {
		metric, label, pattern, value string
		want                          int
	}{
		{"cognitogate_requests_total", "http_route", `decision="forbidden"`, "/admin", total[cognito.DecisionForbidden]},
		{"cognitogate_sign_ins_total", "cognitogate_sign_in_reason", "", "new", signedIn},
		{"cognitogate_call_duration_seconds_count", "error_type", `operation="Token"`, "", signedIn},
		{"cognitogate_call_duration_seconds_count", "error_type", `operation="GetTokensFromRefreshToken"`, "", calls},
		{"cognitogate_refresh_duration_seconds_count", "error_type", `source="call"`, "", signedIn},
	} {
		if got := d.metric(t, c.metric, c.label, c.pattern)[c.value]; got != c.want || got == 0 {
			t.Errorf("%s with %s and %s=%q is %d, want %d", c.metric, c.pattern, c.label, c.value, got, c.want)
		}
	}
}
