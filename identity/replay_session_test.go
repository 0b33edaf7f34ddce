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

// sessionDeviation is an intended difference from a record of session.json.
type sessionDeviation struct {
	why     string
	calls   func(recorded []string) []string // nil if they are the same
	replies []recordedCall                   // that the record does not have
	err     error                            // in the place of none
}

// getIDReply is the answer to a call that Amplify did not make.
func getIDReply() []recordedCall {
	var e recordedCall
	e.Expect.Target = "AWSCognitoIdentityService.GetId"
	e.Reply.Status = http.StatusOK
	e.Reply.Body = json.RawMessage(`{"IdentityId":"us-east-1:11111111-2222-4333-8444-555555555555"}`)
	return []recordedCall{e}
}

// withGetID puts a call of GetId before the recorded ones, with the same logins.
func withGetID(recorded []string) []string {
	_, logins, _ := strings.Cut(recorded[0], `"Logins":`)
	logins = strings.TrimSuffix(logins, "}")
	if logins == "" {
		logins = "{}"
	}
	return append([]string{`GetId {"IdentityPoolId":"us-east-1:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","Logins":` + logins + `}`}, recorded...)
}

var sessionDeviations = map[string]sessionDeviation{
	"identity-pool-identity-cookie": {
		why: "The identity pool says whose identity it is, and no cookie does.", calls: withGetID, replies: getIDReply(),
	},
	"guest-allowed-identity-cookie": {
		why: "Guests share one identity; none is read from a cookie.", calls: withGetID, replies: getIDReply(),
	},
	"identity-pool-no-id-token": {
		why:   "Without an ID token nothing is asked, so no orphaned guest identity is made.",
		calls: func([]string) []string { return nil },
	},
	"guest-not-allowed": {
		why: "Missing credentials are an error.", err: session.ErrSignedOut,
	},
	"identity-pool-no-keys": {
		why:   "After an answer without credentials, a second attempt is made.",
		calls: func(recorded []string) []string { return append(recorded, recorded[len(recorded)-1]) },
	},
	"identity-pool-fetch-user-attributes": {
		why:   "Only a call for credentials asks the identity pool.",
		calls: func(recorded []string) []string { return recorded[2:] },
	},
}

// TestReplaySession checks that package identity makes the calls of the identity pool
// that Amplify made, and returns the same credentials. Package session replays the
// sessions.
func TestReplaySession(t *testing.T) {
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
				deviation := sessionDeviations[rec.Name]
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
					got, err = run.identityPool.Credentials(run.ctx, run.session)
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
					t.Errorf("calls here\n%q\nwant (%s)\n%q", run.calls, deviation.why, calls)
				}
			})
		})
	}
	if seen < 10 {
		t.Errorf("only %d records have an identity pool", seen)
	}
}
