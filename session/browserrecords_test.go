package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const recordedIssuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01"

// recordedKeySet returns the key set of the recorded user pool, with the public parts of
// the recorded keys.
func recordedKeySet(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	var file struct {
		Keys map[string]map[string]string
	}
	readJSON(t, "keys.json", &file)
	type jwk = map[string]string
	var set struct {
		Keys []jwk `json:"keys"`
	}
	for _, name := range []string{"aAccess", "aId"} {
		k := file.Keys[name]
		set.Keys = append(set.Keys, jwk{"kid": k["kid"], "kty": k["kty"], "alg": k["alg"], "use": k["use"], "n": k["n"], "e": k["e"]})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]json.RawMessage{recordedIssuer + "/.well-known/jwks.json": text}
}

// recordedUser is the result of getCurrentUser in the browser or in the server adapter.
type recordedUser struct {
	Username, UserID string
	SignInDetails    struct{ LoginID string }
}

type browserRecord struct {
	Name    string
	Now     int64
	Config  recordConfig
	Clients struct{ Web, Admin string }
	Steps   []browserStep
}

type browserStep struct {
	Step         string
	CookieHeader string
	Attributes   []struct {
		Name, Path, SameSite string
		Expires              any // seconds, or a word for a time that differs from run to run
		HTTPOnly, Secure     bool
	}
	Result struct{ OK json.RawMessage }
	Server *struct {
		Outcome struct {
			Authenticated bool
			User          recordedUser
		}
	}
}

func browserRecords(t *testing.T) []browserRecord {
	t.Helper()
	var file struct{ Records []browserRecord }
	readJSON(t, "browser.json", &file)
	for i := range file.Records {
		if c := &file.Records[i].Config; c.ClientID == "" { // the records of two clients and of two paths
			*c = recordConfig{UserPoolID: "us-east-1_GoldenA01", ClientID: "1goldenweb2345678901234567"}
		}
	}
	if len(file.Records) < 15 {
		t.Fatal("records are missing")
	}
	return file.Records
}

// newManager returns a Manager of the record's user pool. Cognito answers with replies.
func (rec *browserRecord) newManager(t *testing.T, clientID string, replies ...string) *session.Manager {
	t.Helper()
	cognito := &recordedCognito{jwks: recordedKeySet(t)}
	for _, body := range replies {
		var e exchange
		e.Reply.Status, e.Reply.Raw = http.StatusOK, body
		cognito.replies = append(cognito.replies, e)
	}
	m, err := session.NewManager(session.Config{
		UserPool:   tokens.UserPool{ID: rec.Config.UserPoolID, ClientID: clientID},
		HTTPClient: &http.Client{Transport: cognito},
		Now:        func() time.Time { return time.UnixMilli(rec.Now) },
		Logger:     slog.Default(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRecordedBrowserCookies fetches sessions of the Cookie headers that Chromium sent.
// The real Amplify client had written the cookies.
func TestRecordedBrowserCookies(t *testing.T) {
	t.Parallel()
	sessions := 0
	for _, rec := range browserRecords(t) {
		m := rec.newManager(t, rec.Config.ClientID)
		var user recordedUser // of the latest getCurrentUser in the browser
		for _, step := range rec.Steps {
			var u recordedUser
			if json.Unmarshal(step.Result.OK, &u) == nil && u.UserID != "" && u.Username != "" {
				user = u
			}
			if step.CookieHeader == "" {
				continue
			}
			s, err := m.Fetch(nil, pageRequest(step.CookieHeader), nil)
			logError(err)
			want := user
			if step.Server != nil && step.Server.Outcome.Authenticated {
				want = step.Server.Outcome.User
			}
			switch {
			case step.Step == "browser signOut": // a remembered device's cookies stay
				if !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("%s: after the sign-out: %v", rec.Name, err)
				}
			case err != nil:
				t.Errorf("%s: %s: %v", rec.Name, step.Step, err)
			case want.UserID == "": // before the first getCurrentUser
			case s.User() != session.User{ID: want.UserID, Username: want.Username, UnverifiedLoginID: want.SignInDetails.LoginID}:
				t.Errorf("%s: %s: user %+v, want %+v", rec.Name, step.Step, s.User(), want)
			default:
				sessions++
			}
			if rec.Clients.Admin != "" && strings.Contains(step.CookieHeader, rec.Clients.Admin) {
				s, err := rec.newManager(t, rec.Clients.Admin).Fetch(nil, pageRequest(step.CookieHeader), nil)
				if err != nil || s.User().Username != "bob" {
					t.Errorf("%s: the other client's session: %v, %v", rec.Name, s, err)
				}
			}
		}
	}
	if sessions < 50 {
		t.Errorf("only %d sessions were compared", sessions)
	}
}

// TestRecordedBrowserSpelling refreshes and gets the tokens that the browser holds. The
// cookies that we write equal those that Amplify's client has written, byte for byte.
func TestRecordedBrowserSpelling(t *testing.T) {
	t.Parallel()
	for _, rec := range browserRecords(t) {
		for _, step := range rec.Steps {
			if !strings.HasPrefix(step.Step, "signIn") || strings.Contains(step.Step, "admin") {
				continue
			}
			held := map[string]string{}
			slots := map[string]string{}
			for cookie := range strings.SplitSeq(step.CookieHeader, "; ") {
				name, value, _ := strings.Cut(cookie, "=")
				held[name] = value
				slots[name[strings.LastIndexByte(name, '.')+1:]] = value
			}
			m := rec.newManager(t, rec.Config.ClientID,
				fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q,"IdToken":%q}}`, slots["accessToken"], slots["idToken"]))
			w := httptest.NewRecorder()
			if _, err := m.Fetch(w, pageRequest(step.CookieHeader), forced); err != nil {
				t.Errorf("%s: %v", rec.Name, err)
			}
			lines := w.Header()["Set-Cookie"]
			if len(lines) != 5 {
				t.Errorf("%s: %d lines", rec.Name, len(lines))
			}
			for _, line := range lines {
				c, err := http.ParseSetCookie(line)
				cookie, _, _ := strings.Cut(line, ";")
				name, value, _ := strings.Cut(cookie, "=")
				if err != nil || held[name] != value {
					t.Errorf("%s: %.200q is not what the browser holds (%v)", rec.Name, cookie, err)
				}
				for _, a := range step.Attributes {
					expires, ok := a.Expires.(float64)
					if a.Name == name && (a.Path != c.Path || a.HTTPOnly != c.HttpOnly || a.Secure != c.Secure ||
						a.SameSite != "Lax" || c.SameSite != http.SameSiteLaxMode || ok && int(expires)-int(rec.Now/1000) != c.MaxAge) {
						t.Errorf("%s: attributes %+v, Amplify's are %+v", rec.Name, c, a)
					}
				}
			}
		}
	}
}

// TestRecordedBrowserSignOut signs a browser out. The same cookies are left as after
// Amplify's sign-out.
func TestRecordedBrowserSignOut(t *testing.T) {
	t.Parallel()
	names := func(cookies []string) (names []string) {
		for _, cookie := range cookies {
			name, _, _ := strings.Cut(cookie, "=")
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	compared := 0
	for _, rec := range browserRecords(t) {
		for i, step := range rec.Steps {
			if step.Step != "browser signOut" {
				continue
			}
			compared++
			b := newBrowser()
			for cookie := range strings.SplitSeq(rec.Steps[i-1].CookieHeader, "; ") {
				b.setCookie(site, cookie+"; Path=/; Secure")
			}
			b.visit(site, func(w http.ResponseWriter, r *http.Request) {
				if err := rec.newManager(t, rec.Config.ClientID, "{}").End(w, r); err != nil {
					t.Errorf("%s: %v", rec.Name, err)
				}
			})
			var want []string
			if step.CookieHeader != "" {
				want = names(strings.Split(step.CookieHeader, "; "))
			}
			if got := names(b.cookiesFor(site)); !slices.Equal(got, want) {
				t.Errorf("%s: left %q, Amplify leaves %q", rec.Name, got, want)
			}
		}
	}
	if compared < 13 {
		t.Errorf("only %d sign-outs were compared", compared)
	}
}
