package session_test

import (
	"encoding/json"
	"errors"
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
	"github.com/cognitogate/cognitogate/tokens"
)

// result is our outcome of a record, in the terms of the record.
type result struct {
	Session    string            // "yes", "signed out" or "unavailable"
	Sub        string            `json:",omitempty"`
	User       string            `json:",omitempty"` // username, user id, login id
	Attributes map[string]string `json:",omitempty"`
	Calls      []string          `json:",omitempty"`
	Cookies    map[string]string `json:",omitempty"` // changes in the browser
}

// replay sends the request of a record, after that of an earlier one if it is not nil.
func (rec *record) replay(t *testing.T, replies []exchange, earlier *record) result {
	t.Helper()
	cognito := &recordedCognito{jwks: rec.JWKS, replies: replies}
	m, err := rec.newManager(cognito)
	if err != nil {
		return result{Session: "no manager"}
	}
	if earlier != nil {
		r := httptest.NewRequest(earlier.Request.Method, earlier.Request.URL, nil)
		r.Header.Set("Cookie", earlier.Request.Headers["cookie"])
		if _, err := m.Fetch(nil, r, nil); err != nil {
			t.Error("the earlier record: ", err)
		}
	}
	r := httptest.NewRequest(rec.Request.Method, rec.Request.URL, nil)
	r.Header.Set("Accept", "text/html") // Next.js renders pages; the records hold the cookies alone
	if rec.ResponseKind != "none" {     // Amplify's null context has no request
		r.Header.Set("Cookie", rec.Request.Headers["cookie"])
	}
	w := httptest.NewRecorder()
	if rec.Name == "parallel-refresh" { // two calls at once
		second := make(chan error)
		go func() {
			_, err := m.Fetch(httptest.NewRecorder(), r, nil)
			second <- err
		}()
		defer func() {
			if err := <-second; err != nil {
				t.Error("the second call: ", err)
			}
		}()
	}
	got, _ := rec.call(t, m, w, r)
	got.Calls = cognito.calls
	got.Cookies = browserChanges(t, rec, w.Header()["Set-Cookie"])
	return got
}

// call makes the record's call for a request.
func (rec *record) call(t *testing.T, m *session.Manager, w http.ResponseWriter, r *http.Request) (got result, s *session.Session) {
	t.Helper()
	s, err := m.Fetch(w, r, &session.FetchOptions{ForceRefresh: rec.Options.ForceRefresh, ClientMetadata: rec.Options.ClientMetadata})
	if err == nil && rec.API == "fetchUserAttributes" {
		got.Attributes, err = m.UserAttributes(r.Context(), s)
	}
	logError(err)
	switch {
	case err == nil:
		got.Session, got.Sub = "yes", s.User().ID
		if rec.API == "getCurrentUser" {
			u := s.User()
			got.User = u.Username + " " + u.ID + " " + u.UnverifiedLoginID
		}
	case errors.Is(err, tokens.ErrUnavailable):
		got.Session = "unavailable"
	case errors.Is(err, session.ErrSignedOut):
		got.Session = "signed out"
	default:
		t.Errorf("error %v is neither ErrSignedOut nor ErrUnavailable", err)
	}
	return got, s
}

// recorded returns Amplify's outcome in the same terms.
func (rec *record) recorded(t *testing.T) result {
	o := rec.Outcome
	want := result{Session: "unavailable"}
	switch o.Error {
	case "", "UserUnAuthenticatedException", "NotAuthorizedException", "TokenRevokedException",
		"UserNotFoundException", "PasswordResetRequiredException", "UserNotConfirmedException":
		want.Session = "signed out"
	}
	if o.Authenticated {
		want.Session, want.Sub = "yes", o.UserSub
	}
	if u := o.User; u != nil {
		want.User = u.Username + " " + u.UserID + " " + u.SignInDetails.LoginID
		want.Sub = u.UserID
	}
	if want.Attributes = o.Attributes; want.Attributes != nil && want.Sub == "" {
		want.Sub = "any"
	}
	for _, e := range rec.Cognito {
		if strings.HasPrefix(e.Expect.Target, "AWSCognitoIdentityService.") {
			continue // package identity calls the identity pool
		}
		body, err := json.Marshal(e.Expect.Body)
		if err != nil {
			t.Fatal(err)
		}
		want.Calls = append(want.Calls, canonicalCall(e.Expect.Target, body))
	}
	want.Cookies = browserChanges(t, rec, rec.SetCookie)
	for name, change := range want.Cookies {
		if strings.HasSuffix(name, ".clockDrift") && change != "cleared" || strings.HasPrefix(name, "com.amplify.Cognito.") {
			// We write no clockDrift, which describes the browser's clock, and package identity no cookie.
			delete(want.Cookies, name)
		}
	}
	return want
}

// browserChanges applies Set-Cookie lines to a browser that holds the request's cookies.
// It returns the changes by name: "cleared", or the value and the attributes. The deletion
// of a cookie that the browser does not hold changes nothing.
func browserChanges(t *testing.T, rec *record, lines []string) map[string]string {
	t.Helper()
	held := make(map[string]bool)
	for cookie := range strings.SplitSeq(rec.Request.Headers["cookie"], ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(cookie), "=")
		held[name] = true
	}
	changes := make(map[string]string)
	for _, line := range lines {
		parts := strings.Split(line, ";")
		name, value, _ := strings.Cut(parts[0], "=")
		if v, err := url.PathUnescape(value); err == nil {
			value = v
		}
		attributes := map[string]string{}
		for _, p := range parts[1:] {
			k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
			attributes[strings.ToLower(k)] = strings.ToLower(v)
		}
		if age := attributes["max-age"]; age == "0" || age == "-1" || strings.Contains(attributes["expires"], "1970") {
			// The scopes of deletions have tests of their own.
			if held[name] {
				changes[name] = "cleared"
			} else {
				delete(changes, name)
			}
			continue
		}
		if attributes["max-age"] == "" {
			expires, err := time.Parse(time.RFC1123, strings.ToUpper(attributes["expires"][:1])+attributes["expires"][1:])
			if err != nil {
				expires, err = http.ParseTime(rawAttribute(line, "Expires"))
			}
			if err != nil {
				t.Fatal("a date in the record: ", err)
			}
			attributes["max-age"] = fmt.Sprint(int(expires.Sub(time.UnixMilli(rec.Now)).Seconds()))
		}
		delete(attributes, "expires")
		if d, ok := attributes["domain"]; ok {
			attributes["domain"] = strings.TrimPrefix(d, ".")
		}
		text := []string{value}
		for _, k := range slices.Sorted(maps.Keys(attributes)) {
			text = append(text, k+"="+attributes[k])
		}
		changes[name] = strings.Join(text, "; ")
	}
	return changes
}

func rawAttribute(line, name string) string {
	for p := range strings.SplitSeq(line, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// deviationFile is testdata/amplify/deviations.json, which says where and why we differ
// from Amplify on purpose.
type deviationFile struct {
	Weaknesses, Decisions map[string]string
	Deviations            []*deviation
}

type deviation struct {
	Because []string
	Text    string
	Records map[string]struct {
		result         // Cookies: the names' last parts, which are "set" or "cleared"
		Later  *result // once a token of the user pool has been verified; before, as recorded
		After  *result // when Cognito answers a refresh that the record has no reply to
	}
}

// TestReplay replays every record. Each has Amplify's outcome, or that of a deviation.
func TestReplay(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	var records []*record
	readJSON(t, "session.json", &records)
	var file deviationFile
	readJSON(t, "deviations.json", &file)
	deviations := make(map[string]*deviation)
	used := make(map[string]bool)
	for _, d := range file.Deviations {
		for name := range d.Records {
			if deviations[name] != nil {
				t.Errorf("%s deviates twice", name)
			}
			deviations[name] = d
		}
		for _, id := range d.Because {
			used[id] = true
			if file.Weaknesses[id] == "" && file.Decisions[id] == "" {
				t.Errorf("%s is not explained", id)
			}
		}
		if len(d.Because) == 0 || d.Text == "" {
			t.Errorf("no reason is given for %v", d.Records)
		}
	}
	for id := range file.Decisions {
		if !used[id] {
			t.Errorf("%s is explained and not used", id)
		}
	}
	replies := repliesByRefreshToken(records)
	valid := records[slices.IndexFunc(records, func(rec *record) bool { return rec.Name == "valid-session" })]
	for _, rec := range records {
		d := deviations[rec.Name]
		delete(deviations, rec.Name)
		t.Run(rec.Name, func(t *testing.T) {
			got, recorded := rec.replay(t, rec.Cognito, nil), rec.recorded(t)
			same := equal(got, recorded)
			if d == nil {
				if !same {
					t.Errorf("got      %v\nrecorded %v", short(got), short(recorded))
				}
				return
			}
			if later := d.Records[rec.Name].Later; later != nil {
				if !same {
					t.Errorf("at first %v\nrecorded %v", short(got), short(recorded))
				}
				rec.compare(t, rec.replay(t, rec.Cognito, valid), *later, d)
				return
			}
			if same {
				t.Errorf("the deviation %q is outdated: the outcome is Amplify's", d.Text)
			}
			want := d.Records[rec.Name]
			rec.compare(t, got, want.result, d)

			// Amplify never made this call. Cognito answers it in another record.
			reply, ok := replies[rec.refreshToken()]
			if len(rec.Cognito) > 0 || len(got.Calls) == 0 || !ok {
				if want.After != nil {
					t.Error("Cognito is not asked, so there is no After")
				}
				return
			}
			got = rec.replay(t, []exchange{reply}, nil)
			if want.After == nil {
				want.After = new(result)
			}
			want.After.Calls = want.Calls
			rec.compare(t, got, *want.After, d)
		})
	}
	for name := range deviations {
		t.Errorf("deviation of an unknown record %q", name)
	}
}

func (rec *record) compare(t *testing.T, got, want result, d *deviation) {
	t.Helper()
	got.Cookies = summary(got.Cookies)
	for i, call := range got.Calls {
		got.Calls[i] = rec.abbreviate(call)
	}
	if !equal(got, want) {
		t.Errorf("got  %v\nwant %v: %s (%s)", short(got), short(want), d.Text, d.Because)
	}
}

// abbreviate replaces the values of the request's cookies by their names.
func (rec *record) abbreviate(call string) string {
	for cookie := range strings.SplitSeq(rec.Request.Headers["cookie"], ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(cookie), "=")
		if v, err := url.PathUnescape(value); err == nil && len(v) > 20 {
			call = strings.ReplaceAll(call, v, "<the request's "+name[strings.LastIndexByte(name, '.')+1:]+">")
		}
	}
	return call
}

func (rec *record) refreshToken() string {
	_, rest, _ := strings.Cut(rec.Request.Headers["cookie"], ".refreshToken=")
	token, _, _ := strings.Cut(rest, ";")
	return token
}

// repliesByRefreshToken returns Cognito's first successful reply to each refresh token.
func repliesByRefreshToken(records []*record) map[string]exchange {
	replies := make(map[string]exchange)
	for _, rec := range records {
		for _, e := range rec.Cognito {
			token, _ := e.Expect.Body["RefreshToken"].(string)
			if _, ok := replies[token]; token != "" && !ok && rec.Outcome.Authenticated && e.Reply.Status == http.StatusOK {
				replies[token] = e
			}
		}
	}
	return replies
}

func equal(a, b result) bool {
	return a.Session == b.Session && (a.Sub == b.Sub || b.Sub == "any") && a.User == b.User &&
		maps.Equal(a.Attributes, b.Attributes) && slices.Equal(a.Calls, b.Calls) && maps.Equal(a.Cookies, b.Cookies)
}

// summary returns the changes by the last part of the name: "set" or "cleared".
func summary(changes map[string]string) map[string]string {
	var short map[string]string
	for name, change := range changes {
		if short == nil {
			short = make(map[string]string)
		}
		if change != "cleared" {
			change = "set"
		}
		short[name[strings.LastIndexByte(name, '.')+1:]] = change
	}
	return short
}

func short(r result) string {
	for i, c := range r.Calls {
		r.Calls[i] = fmt.Sprintf("%.60s", c)
	}
	return fmt.Sprintf("%+v", result{r.Session, r.Sub, r.User, r.Attributes, r.Calls, summary(r.Cookies)})
}
