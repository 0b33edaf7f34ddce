package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// checkAnswer is what an endpoint answers to a check.
type checkAnswer struct {
	status int
	code   string // of an error, in the header
	body   string
	err    error // instead of an answer
}

func (a checkAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if a.code != "" {
		header.Set("X-Amzn-Errortype", a.code)
	}
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprint(a.status, " ", http.StatusText(a.status)), Header: header,
		ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
	}, nil
}

// TestDeploymentChecks: a mistake names its field and is no outage, an outage names no
// field, and an unknown host is both.
func TestDeploymentChecks(t *testing.T) {
	const unavailable = "unavailable"
	unknownHost := checkAnswer{err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}}
	noResolver := checkAnswer{err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}}
	plain := tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc", ClientSecret: "hush-hush", Domain: "auth.example.com"}
	emulator := plain
	emulator.Endpoint, emulator.Issuer = "http://localhost:1", "http://localhost:1/eu-west-1_AbC"
	keys := func(v *tokens.Verifier, _ *tokens.Client) error { return v.CheckKeys(context.Background()) }
	client := func(_ *tokens.Verifier, c *tokens.Client) error { return c.Check(context.Background()) }
	login := func(_ *tokens.Verifier, c *tokens.Client) error {
		return c.CheckLogin(context.Background(), "https://app.example.com/callback")
	}
	refused := func(message string) checkAnswer {
		return checkAnswer{400, "NotAuthorizedException", `{"message":"` + message + `"}`, nil}
	}
	for _, test := range []struct {
		name     string
		check    func(*tokens.Verifier, *tokens.Client) error
		userPool tokens.UserPool
		answer   checkAnswer
		want     string
	}{
		{"keys: good", keys, plain, checkAnswer{200, "", `{"keys":[` + accessKey().jwk + `]}`, nil}, ""},
		{"keys: none", keys, plain, checkAnswer{200, "", `{"keys":[]}`, nil}, unavailable},
		{"keys: code in the header", keys, plain, checkAnswer{400, "ResourceNotFoundException", "", nil}, "ID"},
		{"keys: code in the body", keys, plain, checkAnswer{400, "", `{"__type":"ResourceNotFoundException"}`, nil}, "ID"},
		{"keys: words", keys, plain, checkAnswer{400, "", `{"message":"User pool eu-west-1_AbC does not exist."}`, nil}, "ID"},
		{"keys: 404", keys, plain, checkAnswer{404, "", "", nil}, "ID"},
		{"keys: 404 of an emulator", keys, emulator, checkAnswer{404, "", "", nil}, "Issuer"},
		{"keys: a proxy's 400", keys, plain, checkAnswer{400, "", "<html>", nil}, unavailable},
		{"keys: a proxy's 403", keys, plain, checkAnswer{403, "", "<html>", nil}, unavailable},
		{"keys: 500", keys, plain, checkAnswer{500, "ResourceNotFoundException", "", nil}, unavailable},
		{"keys: unknown host", keys, plain, unknownHost, "ID unavailable"},
		{"keys: unknown host of an emulator", keys, emulator, unknownHost, "Issuer unavailable"},
		{"keys: no resolver", keys, plain, noResolver, unavailable},

		{"client: good", client, plain, refused("Invalid Refresh Token"), ""},
		{"client: good, token revoked", client, plain, refused("Refresh Token has been revoked"), ""},
		{"client: unknown", client, plain, checkAnswer{400, "ResourceNotFoundException", `{"message":"User pool client 1abc does not exist."}`, nil}, "ClientID"},
		{"client: wrong secret", client, plain, refused("Unable to verify secret hash for client 1abc"), "ClientSecret"},
		{"client: no secret", client, plain, refused("Client 1abc is configured for secret but secret was not received"), "ClientSecret"},
		{"client: a secret too much", client, plain, refused("Client 1abc is not configured for secret but secret was received"), "ClientSecret"},
		{"client: an old SECRET_HASH", client, plain, refused("SecretHash does not match for the client: 1abc"), "ClientSecret"},
		{"client: throttled", client, plain, checkAnswer{400, "TooManyRequestsException", "", nil}, unavailable},
		{"client: another refusal", client, plain, checkAnswer{400, "InvalidParameterException", "", nil}, unavailable},
		{"client: a page", client, plain, checkAnswer{200, "", "<html>", nil}, unavailable},
		{"client: unknown host", client, plain, unknownHost, "ID unavailable"},
		{"client: unknown host of an emulator", client, emulator, unknownHost, "Endpoint unavailable"},

		{"login: good", login, plain, checkAnswer{400, "", `{"error":"invalid_grant"}`, nil}, ""},
		{"login: another user pool's", login, plain, checkAnswer{400, "", `{"error":"invalid_client"}`, nil}, "Domain"},
		{"login: the same with 401", login, plain, checkAnswer{401, "", `{"error":"invalid_client"}`, nil}, "Domain"},
		{"login: no codes", login, plain, checkAnswer{400, "", `{"error":"unauthorized_client"}`, nil}, "ClientID"},
		{"login: 404", login, plain, checkAnswer{404, "", "<html>", nil}, "Domain"},
		{"login: 405", login, plain, checkAnswer{405, "", "", nil}, "Domain"},
		{"login: sends on", login, plain, checkAnswer{308, "", "", nil}, "Domain"},
		{"login: a firewall", login, plain, checkAnswer{403, "", "<html>", nil}, unavailable},
		{"login: 503", login, plain, checkAnswer{503, "", "", nil}, unavailable},
		{"login: a page", login, plain, checkAnswer{200, "", "<html>", nil}, unavailable},
		{"login: unknown host", login, plain, unknownHost, "Domain unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := &tokens.Options{HTTPClient: &http.Client{Transport: test.answer}}
				v, verifierErr := tokens.NewVerifier(test.userPool, opts)
				c, clientErr := tokens.NewClient(test.userPool, opts)
				if err := errors.Join(verifierErr, clientErr); err != nil {
					t.Fatal(err)
				}
				err := test.check(v, c)
				var got []string
				if mistake, ok := errors.AsType[*tokens.ConfigError](err); ok {
					got = append(got, mistake.Field)
				}
				if errors.Is(err, tokens.ErrUnavailable) {
					got = append(got, unavailable)
				}
				if strings.Join(got, " ") != test.want || (err == nil) != (test.want == "") {
					t.Errorf("%v: is %q, want %q", err, got, test.want)
				}
				if err != nil && strings.Contains(err.Error(), "hush-hush") {
					t.Errorf("the secret is in %v", err)
				}
			})
		})
	}
}

// TestCheckKeysFetchesOnce: usable keys are not fetched again, and old ones do for a day.
func TestCheckKeysFetchesOnce(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		check := func(when string, good bool, fetches int) {
			kt.Helper()
			err := kt.verifier.CheckKeys(kt.Context())
			synctest.Wait()
			if n := kt.server.Calls("JWKS"); (err == nil) != good || n != fetches {
				kt.Errorf("%s: %v after %d fetches, want %d", when, err, n, fetches)
			}
		}
		check("at first", true, 1)
		check("again", true, 1)
		kt.setFault(&cognitotest.Fault{Status: 500})
		kt.clockSkew.Store(int64(23 * 60 * 60 * 1e9))
		check("the next day, in an outage", true, 2)
		kt.clockSkew.Store(int64(25 * 60 * 60 * 1e9))
		check("two days later", false, 3)
	})
}

func TestCheckKeysTrustsOtherKeySets(t *testing.T) {
	userPool := tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc"}
	v, err := tokens.NewVerifier(userPool, &tokens.Options{Keys: tokens.StaticKeySet{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.CheckKeys(t.Context()); err != nil {
		t.Error(err)
	}
}
