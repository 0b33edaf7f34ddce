package identity_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cognitogate/cognitogate/appsync"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// dataCall makes the call of a record of data.json with this module.
type dataCall func(t *testing.T, run *replay) (result any, err error)

// query is the query of all GraphQL records, as Amplify prints it.
const query = "query Q($a: Int) {\n  hello(a: $a)\n}\n"

// graphQL calls the API in a mode. edit may be nil.
func graphQL(mode string, edit func(*appsync.Client)) dataCall {
	return func(t *testing.T, run *replay) (any, error) {
		api := &appsync.Client{
			URL:        "https://gql.appsync-api.us-east-1.amazonaws.com/graphql",
			AuthMode:   mode,
			APIKey:     "da2-testonly",
			Pool:       run.identityPool,
			HTTPClient: &http.Client{Transport: run.recordedNetwork},
		}
		if edit != nil {
			edit(api)
		}
		var data json.RawMessage
		err := api.Do(run.ctx, query, map[string]any{"a": 1}, &data)
		return map[string]any{"data": data}, err
	}
}

// restCall calls a REST API. A transport that is not nil signs the request.
func restCall(method, target, body string, header http.Header, transport *identity.Transport) dataCall {
	return func(t *testing.T, run *replay) (any, error) {
		client := &http.Client{Transport: run.recordedNetwork}
		if transport != nil {
			signing := *transport
			signing.Pool, signing.Base = run.identityPool, run.recordedNetwork
			client.Transport = &signing
		}
		req, err := http.NewRequestWithContext(run.ctx, method, target, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		for name := range header {
			req.Header.Set(name, header.Get(name))
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return map[string]any{"statusCode": resp.StatusCode, "body": json.RawMessage(text)}, err
	}
}

// getURL presigns a GET with the SDK, as the examples do.
func getURL(key func(identity.Credentials) string, expiresIn time.Duration) dataCall {
	return func(t *testing.T, run *replay) (any, error) {
		if run.identityPool == nil {
			return nil, errNoPool
		}
		creds, err := run.identityPool.Credentials(run.ctx, run.session)
		if err != nil {
			return nil, err
		}
		files := s3.New(s3.Options{
			Region:      "us-east-1",
			Credentials: run.identityPool.Provider(run.session),
			// Amplify's URLs ask for no checksum with the object.
			ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		})
		expiresIn = min(expiresIn, time.Until(creds.Expires))
		u, err := s3.NewPresignClient(files).PresignGetObject(run.ctx,
			&s3.GetObjectInput{Bucket: aws.String("files-bucket"), Key: aws.String(key(creds))}, s3.WithPresignExpires(expiresIn))
		if err != nil {
			return nil, err
		}
		return map[string]any{"url": sortedURL(u.URL), "expiresAt": time.Now().Add(expiresIn).UTC().Format("2006-01-02T15:04:05.000Z")}, nil
	}
}

// sortedURL sorts a URL's parameters, so that all of them, the signature too, can be
// compared with the record.
func sortedURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	u.RawQuery = u.Query().Encode()
	return u.String()
}

// errNoPool is the error of a program without an identity pool, which has no Pool.
var errNoPool = errors.New("there is no identity pool")

var (
	execute = &identity.Transport{Hosts: []string{"xyz123.execute-api.us-east-1.amazonaws.com"}}
	own     = http.Header{"Authorization": {"Bearer abc"}}
	isJSON  = http.Header{"Content-Type": {"application/json; charset=UTF-8"}}
	key     = func(k string) func(identity.Credentials) string {
		return func(identity.Credentials) string { return k }
	}
)

const stage = "https://xyz123.execute-api.us-east-1.amazonaws.com/dev"

var dataCalls = map[string]dataCall{
	"graphql-userpool":                 graphQL(appsync.UserPool, nil),
	"graphql-userpool-refresh":         graphQL(appsync.UserPool, nil),
	"graphql-userpool-refresh-rotated": graphQL(appsync.UserPool, nil),
	"graphql-userpool-no-session":      graphQL(appsync.UserPool, nil),
	"graphql-userpool-refresh-error":   graphQL(appsync.UserPool, nil),
	"graphql-apikey":                   graphQL(appsync.APIKey, nil),
	"graphql-apikey-no-session":        graphQL(appsync.APIKey, nil),
	"graphql-iam":                      graphQL(appsync.IAM, nil),
	"graphql-identitypool-alias":       graphQL(appsync.IdentityPool, nil),
	"graphql-iam-guest":                graphQL(appsync.IAM, nil),
	"graphql-iam-no-identity-pool":     graphQL(appsync.IAM, nil),
	"graphql-oidc":                     graphQL(appsync.OIDC, nil),
	"graphql-lambda-token":             graphQL(appsync.Lambda, func(c *appsync.Client) { c.AuthToken = "my-token" }),
	"graphql-lambda-none":              graphQL(appsync.Lambda, nil),
	"graphql-none":                     graphQL(appsync.None, nil),
	"graphql-client-mode":              graphQL(appsync.APIKey, func(c *appsync.Client) { c.Header = http.Header{"X-Trace": {"1"}} }),
	"graphql-call-over-client-mode":    graphQL(appsync.APIKey, func(c *appsync.Client) { c.AuthMode = appsync.UserPool }),
	"graphql-authtoken-overrides":      graphQL(appsync.UserPool, func(c *appsync.Client) { c.AuthToken = "given" }),
	"graphql-errors":                   graphQL(appsync.UserPool, nil),
	"graphql-cookies-userpool":         graphQL(appsync.UserPool, nil),
	"graphql-cookies-forged":           graphQL(appsync.UserPool, nil),
	"graphql-reqres-forged":            graphQL(appsync.UserPool, nil),
	"graphql-cookies-refresh":          graphQL(appsync.UserPool, nil),

	"rest-get-iam":               restCall("GET", stage+"/things?a=1+2&b=%C3%BC", "", nil, execute),
	"rest-get-no-credentials":    restCall("GET", stage+"/things", "", nil, nil),
	"rest-get-own-authorization": restCall("GET", stage+"/things", "", own, execute),
	"rest-post-raw-host": restCall("POST", "https://api.example.com/v1/things", `{"n":1}`, isJSON,
		&identity.Transport{Hosts: []string{"api.example.com"}, Region: "us-east-1", Service: "execute-api"}),
	"rest-error":       restCall("GET", stage+"/x", "", nil, nil),
	"rest-unknown-api": nil, // this module has no names for APIs

	"storage-get-url": getURL(key("public/a b+ü.txt"), 15*time.Minute),
	"storage-get-url-path-callback": getURL(func(c identity.Credentials) string {
		return "private/" + c.IdentityID + "/f.bin"
	}, time.Minute),
	"storage-get-url-expires-cap":    getURL(key("f"), 2*time.Hour),
	"storage-get-url-no-credentials": getURL(key("f"), 15*time.Minute),
}

// recordedErrors are the errors of this module by the names of Amplify's.
var recordedErrors = map[string]error{
	"NoValidAuthTokens": session.ErrSignedOut,
	"GraphQLResult":     appsync.Errors{},
}

// dataDeviation is an intended difference from a record of data.json. Zero fields mean
// no difference.
type dataDeviation struct {
	why      string
	calls    func(recorded []string) []string
	sent     func(recorded []sent) []sent
	fetchErr error  // of the guard, which does not let the request pass
	err      error  // of the call
	result   string // in the place of an error
}

var dataDeviations = map[string]dataDeviation{
	"graphql-userpool-refresh":         {why: "One refresh.", calls: first(1)},
	"graphql-cookies-refresh":          {why: "One refresh.", calls: first(1)},
	"graphql-userpool-refresh-rotated": {why: "One refresh: no session is lost.", calls: first(1)},
	"graphql-iam-guest":                {why: "One GetId.", calls: first(2)},
	"graphql-userpool-refresh-error": {
		why: "A failed refresh is no sign-out: the guard answers 503.", fetchErr: tokens.ErrUnavailable, err: session.ErrSignedOut,
	},
	"graphql-cookies-forged": {
		why:   "A token that does not verify is not sent. Its key is unknown, so it is refreshed, and the record has no answer to that.",
		calls: oneRefresh, sent: func([]sent) []sent { return nil }, fetchErr: tokens.ErrUnavailable, err: session.ErrSignedOut,
	},
	"graphql-reqres-forged": {
		why:   "The token's key is unknown, so it is refreshed, and the record has no answer to that.",
		calls: oneRefresh, fetchErr: tokens.ErrUnavailable,
	},
	"rest-get-own-authorization": {
		why: "A request with its own authorization asks for no credentials.", calls: first(0),
	},
	"rest-error": {
		why: "An http.Client returns an answer of any status without an error.", result: `{"body":{"message":"no"},"statusCode":403}`,
	},
}

func first(n int) func([]string) []string {
	return func(recorded []string) []string { return slices.Clone(recorded[:n]) }
}

// oneRefresh is the refresh of alice's session.
func oneRefresh([]string) []string {
	return []string{`GetTokensFromRefreshToken {"ClientId":"1goldenweb2345678901234567","RefreshToken":"` + aliceRefresh + `"}`}
}

// aliceRefresh is alice's refresh token in the records.
const aliceRefresh = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ.cnQtZ29sZGVuLWFsaWNl.aXZhbGljZQ.Y3Q.dGFnYWxpY2U"

// TestReplayData checks that this module sends what Amplify sent in every record of
// data.json: the same requests to the same hosts, with the same token or signature.
// Only x-amz-user-agent is not compared.
func TestReplayData(t *testing.T) {
	var records []record
	readJSON(t, "data.json", &records)
	keys := recordedKeys(t)
	if len(records) != len(dataCalls) {
		t.Errorf("%d records, %d calls", len(records), len(dataCalls))
	}
	for _, rec := range records {
		t.Run(rec.Name, func(t *testing.T) {
			call, ok := dataCalls[rec.Name]
			if !ok {
				t.Fatal("no call is known for this record")
			}
			if call == nil {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.UnixMilli(rec.Now))) // the SDK's clock is the bubble's
				d := dataDeviations[rec.Name]
				run := rec.start(t, keys, nil)
				if d.fetchErr != nil && !errors.Is(run.fetchErr, d.fetchErr) {
					t.Errorf("the guard has %v, want %v", run.fetchErr, d.fetchErr)
				}
				result, err := call(t, run)
				rec.compareResult(t, d, result, err)
				calls, sent := rec.recordedCalls(), rec.recordedSent(t)
				if d.calls != nil {
					calls = d.calls(calls)
				}
				if d.sent != nil {
					sent = d.sent(sent)
				}
				if !slices.Equal(run.calls, calls) {
					t.Errorf("calls of Cognito here\n%q\nwant\n%q", run.calls, calls)
				}
				if !slices.Equal(run.sent, sent) {
					t.Errorf("sent here\n%+v\nwant\n%+v", run.sent, sent)
				}
			})
		})
	}
}

func (rec *record) compareResult(t *testing.T, d dataDeviation, result any, err error) {
	t.Helper()
	var want struct {
		Result json.RawMessage
		Error  string
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(rec.Outcome, &want); err != nil {
		t.Fatal(err)
	}
	wantErr := d.err
	if wantErr == nil {
		wantErr = recordedErrors[want.Error]
	}
	switch {
	case d.result != "":
		want.Result = json.RawMessage(d.result)
	case d.err != nil, want.Error != "":
		answered := appsync.Errors{}
		if err == nil || wantErr != nil && !errors.Is(err, wantErr) && !errors.As(err, &answered) {
			t.Errorf("recorded %q, here %v", want.Error, err)
		}
		if len(want.Errors) != len(answered) || len(answered) > 0 && answered[0].Message != want.Errors[0].Message {
			t.Errorf("recorded %v, here %v", want.Errors, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var urls struct{ URL string }
	if json.Unmarshal(want.Result, &urls) == nil && urls.URL != "" {
		want.Result = bytes.ReplaceAll(want.Result, []byte(urls.URL), []byte(sortedURL(urls.URL)))
	}
	text, _ := json.Marshal(result)
	if canonicalJSON(text) != canonicalJSON(want.Result) {
		t.Errorf("result here\n%s\nwant\n%s", text, want.Result)
	}
}

// TestTransportSignsAsAmplifyDid compares a signature with the one that Amplify
// computed for the same GET of a REST API.
func TestTransportSignsAsAmplifyDid(t *testing.T) {
	var records []record
	readJSON(t, "data.json", &records)
	i := slices.IndexFunc(records, func(r record) bool { return r.Name == "rest-get-iam" })
	rec := records[i]
	synctest.Test(t, func(t *testing.T) {
		run := rec.start(t, recordedKeys(t), nil)
		base := new(recordingTransport)
		tr := &identity.Transport{Pool: run.identityPool, Hosts: execute.Hosts, Base: base}
		req, err := http.NewRequestWithContext(run.ctx, rec.Requests[0].Method, rec.Requests[0].URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"authorization", "x-amz-date", "x-amz-security-token"} {
			if got, want := base.sent[0].Header.Get(name), rec.Requests[0].Headers[name]; got != want {
				t.Errorf("%s here\n%s\nrecorded\n%s", name, got, want)
			}
		}
	})
	if !strings.Contains(fmt.Sprint(rec.Requests[0].Headers), "ffb0dad33b046317fb74af59c4542ca08696607d4da5727c5e01ed7c65004936") {
		t.Error("the record has changed")
	}
}
