package identity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// identityDeviation is where package identity means to differ from a record of
// session.json.
type identityDeviation struct {
	decision, text string
	calls          func(recorded []string) []string // nil if they are the same
	replies        []exchange                       // that the record does not have
	err            error                            // in the place of none
}

// repliesToGetID is the answer of an identity pool that Amplify did not ask.
func repliesToGetID() []exchange {
	var e exchange
	e.Expect.Target = "AWSCognitoIdentityService.GetId"
	e.Reply.Status = http.StatusOK
	e.Reply.Body = json.RawMessage(`{"IdentityId":"us-east-1:11111111-2222-4333-8444-555555555555"}`)
	return []exchange{e}
}

// withGetID puts a call before the others, with the logins of theirs.
func withGetID(recorded []string) []string {
	_, logins, _ := strings.Cut(recorded[0], `"Logins":`)
	logins = strings.TrimSuffix(logins, "}")
	if logins == "" {
		logins = "{}"
	}
	return append([]string{`GetId {"IdentityPoolId":"us-east-1:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","Logins":` + logins + `}`}, recorded...)
}

var identityDeviations = map[string]identityDeviation{
	"identity-pool-identity-cookie": {
		decision: "W16", text: "The identity is what the identity pool says, not a cookie.", calls: withGetID, replies: repliesToGetID(),
	},
	"guest-allowed-identity-cookie": {
		decision: "W16", text: "Guests share one identity; none is read from a cookie.", calls: withGetID, replies: repliesToGetID(),
	},
	"identity-pool-no-id-token": {
		decision: "5.1", text: "Without an ID token nothing is asked: no orphaned guest identity is made.",
		calls: func([]string) []string { return nil },
	},
	"guest-not-allowed": {
		decision: "5.8", text: "That there are no credentials is an error.", err: session.ErrSignedOut,
	},
	"identity-pool-no-keys": {
		decision: "5.15", text: "An answer without credentials is asked for once more.",
		calls: func(recorded []string) []string { return append(recorded, recorded[len(recorded)-1]) },
	},
	"identity-pool-fetch-user-attributes": {
		decision: "W22", text: "The identity pool is asked by who needs credentials only.",
		calls: func(recorded []string) []string { return recorded[2:] },
	},
}

// Package identity asks the identity pool what Amplify asked, and gets the same
// credentials; the session is package session's part, with a replay of its own.
func TestReplayIdentityPool(t *testing.T) {
	var records []record
	readJSON(t, "session.json", &records)
	keys := recordedKeys(t)
	seen := 0
	for _, rec := range records {
		if rec.Config.IdentityPoolID == "" {
			continue
		}
		seen++
		t.Run(rec.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				deviation := identityDeviations[rec.Name]
				run := rec.start(t, keys, deviation.replies)
				var want struct {
					Error       string
					IdentityID  string
					Credentials struct {
						AccessKeyID, SecretAccessKey, SessionToken string
						Expiration                                 time.Time
					}
				}
				if err := json.Unmarshal(rec.Outcome, &want); err != nil {
					t.Fatal(err)
				}
				var got identity.Credentials
				var err error
				switch rec.API {
				case "fetchUserAttributes":
					_, err = run.manager.UserAttributes(run.ctx, run.session)
				case "fetchAuthSession":
					got, err = run.pool.Credentials(run.ctx, run.session)
				}
				if deviation.err != nil {
					if !errors.Is(err, deviation.err) {
						t.Errorf("here %v, want %v", err, deviation.err)
					}
				} else if (err != nil) != (want.Error != "") {
					t.Errorf("recorded %q, here %v", want.Error, err)
				}
				if api := (*tokens.APIError)(nil); errors.As(err, &api) && api.Code != want.Error {
					t.Errorf("recorded %q, here %v", want.Error, err)
				}
				c := want.Credentials
				if got != (identity.Credentials{IdentityID: want.IdentityID, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
					SessionToken: c.SessionToken, Expires: got.Expires}) || !got.Expires.Equal(c.Expiration) {
					t.Errorf("recorded %+v, here %v", want.IdentityID, got)
				}
				calls := rec.recordedCalls()
				if deviation.calls != nil {
					calls = deviation.calls(calls)
				}
				if fmt.Sprint(run.calls) != fmt.Sprint(calls) {
					t.Errorf("calls here\n%q\nwant (%s)\n%q", run.calls, deviation.decision, calls)
				}
			})
		})
	}
	if seen < 10 {
		t.Errorf("only %d records have an identity pool", seen)
	}
}
