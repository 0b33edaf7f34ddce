package session_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// sequence is one record of testdata/amplify/sequences.json. It says what the real Amplify
// did with several requests to one server, or with several calls for one request.
type sequence struct {
	record
	Steps      []*sequenceStep
	OneContext *sequenceStep
}

// sequenceStep is a request. Its Cognito and SetCookie belong to all its calls.
type sequenceStep struct {
	record
	JWKSFetches []string // nil if they were not recorded
	Outcomes    []outcome
}

// stepResult is the outcome of a step, in the terms of the record. Long values are
// replaced by their origins.
type stepResult struct {
	Sessions []callResult
	Keys     []string          `json:",omitempty"` // key sets fetched
	Calls    []string          `json:",omitempty"`
	Cookies  map[string]string `json:",omitempty"` // changes, with the attributes
	// Browser has the cookies that the browser holds afterwards and did not hold at
	// first. "gone" stands for those that it has lost.
	Browser map[string]string `json:"Jar,omitempty"`
}

// callResult is the outcome of one call.
type callResult struct {
	Session string
	Sub     string `json:",omitempty"`
	User    string `json:",omitempty"`
	IDToken bool   `json:",omitempty"`
	JTI     string `json:",omitempty"` // of the access token
}

func (a stepResult) equal(b stepResult) bool {
	return slices.Equal(a.Sessions, b.Sessions) && slices.Equal(a.Keys, b.Keys) && slices.Equal(a.Calls, b.Calls) &&
		maps.Equal(a.Cookies, b.Cookies) && maps.Equal(a.Browser, b.Browser)
}

func (a stepResult) String() string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil {
		panic(err)
	}
	return b.String()
}

// sequenceDeviation is an entry of sequences-deviations.json, a step in which we differ
// from Amplify on purpose.
type sequenceDeviation struct {
	Record          string
	Step            int // from 1
	Because         []string
	Text            string
	Ours            *stepResult
	Answered, Apart *stepResult // instead of Ours, in those runs
}

// sequenceRun is a server that gets the requests of a record, and the browsers that send
// them.
type sequenceRun struct {
	record   // its Now is the server's clock
	manager  *session.Manager
	cognito  sequenceCognito
	labels   []string // value, name, value, name, …
	ours     sequenceBrowsers
	recorded sequenceBrowsers
}

// sequenceCognito is the recorded Cognito. It also notes which key sets are fetched. A
// call that Amplify did not make gets the spare reply, if there is one.
type sequenceCognito struct {
	recordedCognito
	spare []exchange
	keys  []string
}

func (p *sequenceCognito) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	if r.Method == http.MethodGet {
		p.keys = append(p.keys, r.URL.String())
	} else if len(p.replies) == 0 {
		p.replies = slices.Clone(p.spare)
	}
	p.mu.Unlock()
	return p.recordedCognito.RoundTrip(r)
}

// begin starts a server for the record. spare may be nil.
func (q *sequence) begin(t *testing.T, spare []exchange) *sequenceRun {
	t.Helper()
	run := &sequenceRun{record: q.record, ours: sequenceBrowsers{}, recorded: sequenceBrowsers{}}
	run.cognito.spare = spare
	for i, step := range q.Steps {
		for j, e := range step.Cognito {
			run.label(e, fmt.Sprintf("reply %d of step %d", j+1, i+1))
		}
	}
	for _, e := range spare {
		run.label(e, "a reply to another record")
	}
	var err error
	if run.manager, err = run.newManager(&run.cognito); err != nil {
		t.Fatal(err)
	}
	return run
}

// label names the tokens of a reply.
func (run *sequenceRun) label(e exchange, name string) {
	var body struct {
		AuthenticationResult struct{ AccessToken, IDToken, RefreshToken string }
	}
	if json.Unmarshal(e.Reply.Body, &body) != nil {
		return
	}
	set := body.AuthenticationResult
	for kind, value := range map[string]string{"AccessToken": set.AccessToken, "IdToken": set.IDToken, "RefreshToken": set.RefreshToken} {
		if value != "" {
			run.labels = append(run.labels, value, "<the "+kind+" of "+name+">")
		}
	}
}

// step sends a request. It returns our outcome and the recorded one.
func (run *sequenceRun) step(t *testing.T, step *sequenceStep) (got, recorded stepResult) {
	t.Helper()
	run.cognito.jwks, run.cognito.replies, run.cognito.calls, run.cognito.keys = step.JWKS, step.Cognito, nil, nil
	r := httptest.NewRequest(step.Request.Method, step.Request.URL, nil)
	r.Header.Set("Accept", "text/html") // Next.js renders pages; the records hold the cookies alone
	r.Header.Set("Cookie", step.Request.Headers["cookie"])
	w := httptest.NewRecorder()
	for _, o := range step.Outcomes {
		rec := step.record
		rec.API, rec.Outcome = o.API, o
		our, s := rec.call(t, run.manager, w, r)
		there := rec.recorded(t)
		g := callResult{Session: our.Session, Sub: our.Sub, User: our.User, IDToken: s.IDToken() != nil, JTI: jti(t, s)}
		c := callResult{Session: there.Session, Sub: there.Sub, User: there.User, JTI: o.AccessTokenJTI}
		if o.IDToken != nil {
			c.IDToken = *o.IDToken
		}
		if c.Session == g.Session { // values that were not recorded count as equal
			c.IDToken = c.IDToken || o.IDToken == nil && g.IDToken
			c.JTI = cmp.Or(c.JTI, g.JTI)
		}
		got.Sessions, recorded.Sessions = append(got.Sessions, g), append(recorded.Sessions, c)
		recorded.Calls = there.Calls
	}
	got.Calls = run.cognito.calls
	if step.JWKSFetches != nil {
		got.Keys = run.cognito.keys
		recorded.Keys = slices.Compact(slices.Clone(step.JWKSFetches)) // Amplify's two verifiers each fetch it
	}
	// clockDrift describes the browser's clock, so we do not write it. Its deletion is
	// compared.
	lines := slices.DeleteFunc(slices.Clone(step.SetCookie), func(line string) bool {
		name, value, _ := strings.Cut(line, "=")
		return strings.HasSuffix(name, ".clockDrift") && !strings.HasPrefix(value, ";")
	})
	run.read(t, step, &got, w.Header()["Set-Cookie"], run.ours)
	run.read(t, step, &recorded, lines, run.recorded)
	return got, recorded
}

// jti returns the name of the session's access token.
func jti(t *testing.T, s *session.Session) string {
	t.Helper()
	if s == nil {
		return ""
	}
	var claims struct{ JTI string }
	if err := s.AccessToken().Claims(&claims); err != nil {
		t.Error(err)
	}
	return claims.JTI
}

// read has a browser read the answer to a step. It abbreviates the result.
func (run *sequenceRun) read(t *testing.T, step *sequenceStep, res *stepResult, lines []string, browsers sequenceBrowsers) {
	t.Helper()
	short := func(s string) string {
		return strings.NewReplacer(run.labels...).Replace(step.abbreviate(s))
	}
	prefix := "CognitoIdentityServiceProvider." + step.Config.ClientID + "."
	rename := func(in map[string]string) (out map[string]string) {
		out = make(map[string]string)
		for name, value := range in {
			out[strings.TrimPrefix(name, prefix)] = short(value)
		}
		return out
	}
	for i, call := range res.Calls {
		res.Calls[i] = short(call)
	}
	res.Cookies = rename(browserChanges(t, &step.record, lines))
	res.Browser = rename(browsers.read(t, step, lines))
}

// sequenceBrowsers are the browsers of a record, by the cookies that they held at first.
// Requests with the same cookies come from one browser. It has sent all of them before it
// reads an answer.
type sequenceBrowsers map[string]*browser

// read has the browser of a step read the answer. It returns the cookies that the browser
// holds now and did not hold at first.
func (all sequenceBrowsers) read(t *testing.T, step *sequenceStep, lines []string) map[string]string {
	t.Helper()
	header, site := step.Request.Headers["cookie"], step.Request.URL
	first := strings.Split(header, "; ")
	b := all[header]
	if b == nil {
		b = newBrowser()
		for _, cookie := range first {
			b.setCookie(site, cookie+"; Path=/; Secure")
		}
		all[header] = b
	}
	for _, line := range lines {
		b.setCookie(site, line)
	}
	held := func(cookies []string) map[string]string {
		values := make(map[string]string)
		for _, cookie := range cookies {
			name, value, _ := strings.Cut(cookie, "=")
			decoded, err := url.PathUnescape(value)
			if err != nil {
				t.Error(err)
			}
			values[name] = decoded
		}
		return values
	}
	changed := held(b.cookiesFor(site))
	for name, value := range held(first) {
		now, ok := changed[name]
		switch {
		case !ok:
			changed[name] = "gone"
		case now == value:
			delete(changed, name)
		}
	}
	return changed
}

// TestReplaySequences replays every record, step by step. Each step has Amplify's outcome,
// or that of a deviation.
func TestReplaySequences(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	var records []*sequence
	readJSON(t, "sequences.json", &records)
	if len(records) < 11 {
		t.Error("records are missing")
	}
	var all []*record
	for _, q := range records {
		q.prepare(t)
		for _, step := range q.Steps {
			all = append(all, &step.record)
		}
	}
	replies := repliesByRefreshToken(all)
	deviations := sequenceDeviations(t)
	for _, q := range records {
		of := deviations[q.Name]
		delete(deviations, q.Name)
		t.Run(q.Name, func(t *testing.T) {
			for step := range of {
				if step < 1 || step > len(q.Steps) {
					t.Errorf("deviation of an unknown step %d", step)
				}
			}
			q.replay(t, "as recorded", nil, 0, of)
			var spare []exchange
			for _, step := range q.Steps {
				if e, ok := replies[step.refreshToken()]; ok && spare == nil {
					spare = []exchange{e}
				}
			}
			q.replay(t, "answered", spare, 0, of)
			q.replay(t, "apart", nil, 10*time.Second, of)
		})
	}
	for name := range deviations {
		t.Errorf("deviation of an unknown record %q", name)
	}
}

// prepare copies the record's values to its steps.
func (q *sequence) prepare(t *testing.T) {
	t.Helper()
	if q.OneContext != nil {
		q.Steps = append(q.Steps, q.OneContext)
	}
	if len(q.Steps) == 0 {
		t.Errorf("%s is a record of an unknown kind", q.Name)
	}
	for i, step := range q.Steps {
		step.Now, step.Config = q.Now, q.Config
		if step.Outcomes == nil {
			step.Outcomes = []outcome{step.Outcome}
		}
		for _, o := range step.Outcomes {
			if !slices.Contains([]string{"", "fetchAuthSession", "getCurrentUser"}, o.API) {
				t.Errorf("%s, step %d: an unknown call %q", q.Name, i+1, o.API)
			}
		}
		if step.Request.URL == "" || step.Request.Headers["cookie"] == "" {
			t.Errorf("%s, step %d is of an unknown kind", q.Name, i+1)
		}
	}
}

// replay runs the steps with some time between them, and compares each.
func (q *sequence) replay(t *testing.T, kind string, spare []exchange, distance time.Duration, deviations map[int]*sequenceDeviation) {
	t.Helper()
	run := q.begin(t, spare)
	for i, step := range q.Steps {
		got, recorded := run.step(t, step)
		run.Now += distance.Milliseconds()
		d := deviations[i+1]
		if d == nil {
			if !got.equal(recorded) {
				t.Errorf("%s, step %d:\ngot      %vrecorded %v", kind, i+1, got, recorded)
			}
			continue
		}
		want := d.Ours
		switch {
		case kind == "as recorded" && got.equal(recorded):
			t.Errorf("step %d: the deviation %q is outdated: the outcome is Amplify's", i+1, d.Text)
		case kind == "answered" && d.Answered != nil:
			want = d.Answered
		case kind == "apart" && d.Apart != nil:
			want = d.Apart
		}
		if !got.equal(*want) {
			t.Errorf("%s, step %d:\ngot  %vwant %v%s (%s)", kind, i+1, got, want, d.Text, d.Because)
		}
	}
}

// sequenceDeviations reads the deviations, by record and step.
func sequenceDeviations(t *testing.T) map[string]map[int]*sequenceDeviation {
	t.Helper()
	var file struct {
		Weaknesses, Decisions map[string]string
		Deviations            []*sequenceDeviation
	}
	readJSON(t, "sequences-deviations.json", &file)
	all := make(map[string]map[int]*sequenceDeviation)
	used := make(map[string]bool)
	for _, d := range file.Deviations {
		switch {
		case len(d.Because) == 0, d.Text == "", d.Ours == nil:
			t.Errorf("%s, step %d: a deviation without a reason or an outcome", d.Record, d.Step)
			continue
		case all[d.Record][d.Step] != nil:
			t.Errorf("%s, step %d deviates twice", d.Record, d.Step)
		case d.Answered != nil && d.Answered.equal(*d.Ours), d.Apart != nil && d.Apart.equal(*d.Ours):
			t.Errorf("%s, step %d: an outcome is given twice", d.Record, d.Step)
		}
		for _, id := range d.Because {
			used[id] = true
			if file.Weaknesses[id] == "" && file.Decisions[id] == "" {
				t.Errorf("%s is not explained", id)
			}
		}
		if all[d.Record] == nil {
			all[d.Record] = make(map[int]*sequenceDeviation)
		}
		all[d.Record][d.Step] = d
	}
	for _, explained := range []map[string]string{file.Weaknesses, file.Decisions} {
		for id := range explained {
			if !used[id] {
				t.Errorf("%s is explained and not used", id)
			}
		}
	}
	return all
}
