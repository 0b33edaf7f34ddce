package replicatest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// browser holds the cookies of one sign-in.
type browser struct {
	site     *site
	userPool int
	subject  string

	mu      sync.Mutex
	cookies map[string]string
}

// browser signs a user in. edits are of the tokens.
func (s *site) browser(userPool int, user string, edits ...func(*cognitotest.Draft)) *browser {
	b := &browser{site: s, userPool: userPool, cookies: make(map[string]string)}
	r := &http.Request{Header: make(http.Header)}
	edits = append(edits, func(d *cognitotest.Draft) { b.subject = d.Claims["sub"].(string) })
	s.cognitos[userPool].SignIn(r, user, edits...)
	for _, c := range r.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return b
}

// browsers signs n users in, whose tokens have expired.
func (s *site) browsers(userPool, n int) (all []*browser) {
	for i := range n {
		all = append(all, s.browser(userPool, users[i].Username, cognitotest.Expired))
	}
	return all
}

// refreshToken returns the value of the cookie.
func (b *browser) refreshToken() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range b.cookies {
		if strings.HasSuffix(name, ".refreshToken") {
			return value
		}
	}
	return ""
}

// header returns the Cookie header of the next request.
func (b *browser) header() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var pairs []string
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}

// keep keeps the cookies of an answer.
func (b *browser) keep(resp *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
}

// answer is a replica's answer. A status of 0 means that there was none.
type answer struct {
	status int
	text   string
	resp   *http.Response
}

// fetchMode is a value of the header Sec-Fetch-Mode. Only the answer to a navigation deletes
// cookies.
type fetchMode string

const (
	navigation fetchMode = "navigate"
	script     fetchMode = "cors"
)

// send sends a request with the cookies of a header, and keeps no new ones.
func (b *browser) send(ctx context.Context, p *process, method, path, cookies string, mode fetchMode) answer {
	r, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://%s/%d/%s", p.addr, b.userPool, path), nil)
	if err != nil {
		return answer{text: err.Error()}
	}
	r.Header.Set("Cookie", cookies)
	r.Header.Set("Sec-Fetch-Mode", string(mode))
	if mode == navigation {
		r.Header.Set("Sec-Fetch-Dest", "document")
		r.Header.Set("Accept", "text/html")
	}
	resp, err := b.site.http.Do(r)
	if err != nil {
		return answer{text: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{text: err.Error()}
	}
	if resp.StatusCode == http.StatusTemporaryRedirect { // of a navigation
		resp.StatusCode = http.StatusUnauthorized
	}
	return answer{resp.StatusCode, strings.TrimSpace(string(text)), resp}
}

// open opens the page at a replica.
func (b *browser) open(ctx context.Context, p *process) answer {
	got := b.send(ctx, p, "GET", "page", b.header(), script)
	if got.resp != nil {
		b.keep(got.resp)
	}
	return got
}

// burst sends requests with the same cookies to all replicas at once, as one page's images
// and scripts are requested.
func (b *browser) burst(ctx context.Context, processes []*process, mode fetchMode) (answers []answer) {
	cookies := b.header()
	answers = make([]answer, len(processes))
	var wg sync.WaitGroup
	for i, p := range processes {
		wg.Go(func() {
			if answers[i] = b.send(ctx, p, "GET", "page", cookies, mode); answers[i].resp != nil {
				b.keep(answers[i].resp)
			}
		})
	}
	wg.Wait()
	return answers
}

// counts are the answers that browsers got, by status.
type counts map[int]int

func (n counts) add(answers ...answer) {
	for _, a := range answers {
		n[a.status]++
	}
}

func (n counts) String() string {
	return fmt.Sprintf("%d answered, %d unavailable, %d signed out, %d others", n[200], n[503], n[401], total(n)-n[200]-n[503]-n[401])
}

func total(n counts) (sum int) {
	for count := range maps.Values(n) {
		sum += count
	}
	return sum
}

// browse has browsers send requests to all replicas until ctx ends. A browser that is signed
// out, and still is at its next requests, stops. It returns those, and what all got.
func browse(ctx context.Context, t *testing.T, browsers []*browser, processes []*process) (lost []*browser, all counts) {
	all = make(counts)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, b := range browsers {
		wg.Go(func() {
			pause := time.NewTicker(200 * time.Millisecond)
			defer pause.Stop()
			for refused := false; ctx.Err() == nil; {
				used := b.refreshToken()
				answers := b.burst(context.WithoutCancel(ctx), processes, script)
				seen := make(counts)
				seen.add(answers...)
				mu.Lock()
				all.add(answers...)
				isLost := refused && seen[401] > 0
				if refused = seen[401] > 0; refused {
					b.checkLoss(t, used)
				}
				if isLost {
					lost = append(lost, b)
				}
				mu.Unlock()
				if isLost {
					return
				}
				<-pause.C
			}
		})
	}
	wg.Wait()
	return lost, all
}

// checkLoss checks that a request was refused only because its refresh token was exchanged
// before: by another process, which has not shared the answer.
func (b *browser) checkLoss(t *testing.T, refreshToken string) {
	if by := b.site.cognitos[b.userPool].exchangesOf(refreshToken); len(by) < 2 || by[0] == by[1] {
		t.Errorf("a browser is signed out, and its refresh token was exchanged by %q only", by)
	}
}
