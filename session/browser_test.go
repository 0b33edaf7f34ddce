package session_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const recordedPool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01"

// recordedKeySet is the key set of the recorded pool, with the public parts of
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
	return map[string]json.RawMessage{recordedPool + "/.well-known/jwks.json": text}
}

// recordedUser is getCurrentUser in the browser or in the server adapter.
type recordedUser struct {
	Username, UserID string
	SignInDetails    struct{ LoginID string }
}

type browserStep struct {
	Step         string
	CookieHeader string
	Result       struct{ OK json.RawMessage }
	Server       *struct {
		Outcome struct {
			Authenticated bool
			User          recordedUser
		}
	}
}

// TestBrowserCookies reads the Cookie headers that Chromium sent with the cookies
// that the real Amplify client had written.
func TestBrowserCookies(t *testing.T) {
	var file struct {
		Records []struct {
			Name   string
			Now    int64
			Config recordConfig
			Steps  []browserStep
		}
	}
	readJSON(t, "browser.json", &file)
	keys := recordedKeySet(t)
	sessions := 0
	for _, rec := range file.Records {
		if rec.Config.ClientID == "" { // the records of two clients and of two paths
			rec.Config = recordConfig{UserPoolID: "us-east-1_GoldenA01", ClientID: "1goldenweb2345678901234567"}
		}
		m, err := session.NewManager(session.Config{
			UserPool:   tokens.UserPool{ID: rec.Config.UserPoolID, ClientID: rec.Config.ClientID},
			HTTPClient: &http.Client{Transport: &recordedCognito{jwks: keys}},
			Now:        func() time.Time { return time.UnixMilli(rec.Now) },
			Logger:     slog.Default(),
		})
		if err != nil {
			t.Fatal(err)
		}
		var user recordedUser // whom the browser says is signed in, from getCurrentUser on
		for _, step := range rec.Steps {
			var u recordedUser
			if json.Unmarshal(step.Result.OK, &u) == nil && u.UserID != "" && u.Username != "" {
				user = u
			}
			if step.CookieHeader == "" {
				continue
			}
			r := httptest.NewRequest("GET", "/dashboard", nil)
			r.Header.Set("Cookie", step.CookieHeader)
			s, err := m.Fetch(nil, r, nil)
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
			case s.User() != session.User{ID: want.UserID, Username: want.Username, LoginID: want.SignInDetails.LoginID}:
				t.Errorf("%s: %s: user %+v, want %+v", rec.Name, step.Step, s.User(), want)
			default:
				sessions++
			}
		}
	}
	if sessions < 50 {
		t.Errorf("only %d sessions were compared", sessions)
	}
}
