package tokens_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// refreshDrill is a client of a pool at the time of a synctest bubble.
type refreshDrill struct {
	*testing.T
	srv    *cognitotest.Server
	client *tokens.Client
	set    *tokens.Set
	called []string // op and error of each call, from the hook
}

const opRefresh = "GetTokensFromRefreshToken"

func runRefreshDrill(t *testing.T, run func(d *refreshDrill)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &refreshDrill{T: t, srv: cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com"}})}
		d.client = d.newClient(d.srv.UserPool(), d.srv.Client())
		d.set = d.srv.Issue("ada")
		run(d)
	})
}

func (d *refreshDrill) newClient(pool tokens.UserPool, client *http.Client) *tokens.Client {
	d.Helper()
	var mu sync.Mutex
	c, err := tokens.NewClient(pool, &tokens.Options{HTTPClient: client, Hooks: tokens.Hooks{
		Called: func(_ context.Context, op string, elapsed time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			d.called = append(d.called, fmt.Sprintf("%s %t", op, err == nil))
			if elapsed < 0 || elapsed > 5*time.Second {
				d.Errorf("%s took %v", op, elapsed)
			}
		},
	}})
	if err != nil {
		d.Fatal(err)
	}
	return c
}

// refresh refreshes and returns the error, after some checks that hold for all.
func (d *refreshDrill) refresh(ctx context.Context) (*tokens.Set, error) {
	d.Helper()
	start := time.Now()
	set, err := d.client.Refresh(ctx, d.set.Refresh, nil)
	if held := time.Since(start); held > 5*time.Second {
		d.Errorf("the call took %v", held)
	}
	if (set == nil) != (err != nil) {
		d.Errorf("got %v and %v", set, err)
	}
	d.silent(err)
	return set, err
}

// silent checks that an error shows no token, however it is printed (S11).
func (d *refreshDrill) silent(err error) {
	d.Helper()
	for _, text := range printed(err) {
		if strings.Contains(text, "eyJ") || strings.Contains(text, d.set.Refresh) {
			d.Errorf("the error shows a token: %s", text)
		}
	}
}

func (d *refreshDrill) calls(op string, want int) {
	d.Helper()
	if got := d.srv.Calls(op); got != want {
		d.Errorf("%d calls of %s, want %d", got, op, want)
	}
}

// fault makes every request fail in this way.
func (d *refreshDrill) fault(f cognitotest.Fault) {
	d.srv.SetFault(func(string) cognitotest.Fault { return f })
}

// faults makes the requests fail one after the other; those past the end do not.
func (d *refreshDrill) faults(list ...cognitotest.Fault) {
	var mu sync.Mutex
	d.srv.SetFault(func(string) cognitotest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if len(list) == 0 {
			return cognitotest.Fault{}
		}
		f := list[0]
		list = list[1:]
		return f
	})
}

// TestWhatErrorsMean has every answer that Cognito may give: what it says of the
// session, and whether it is tried again.
func TestWhatErrorsMean(t *testing.T) {
	const (
		signedOut   = "signed out"
		reuse       = "reuse" // neither signed out nor unavailable
		unavailable = "unavailable"
	)
	type row struct {
		code, message string
		status        int
		want          string
		attempts      int
	}
	rows := []row{
		{"RefreshTokenReuseException", "Refresh token has been invalidated", 400, reuse, 1},
		{"TokenRevokedException", "Token has been revoked", 400, signedOut, 1},
		{"UserNotFoundException", "User does not exist.", 400, signedOut, 1},
		{"PasswordResetRequiredException", "Password reset required for the user", 400, signedOut, 1},
		{"UserNotConfirmedException", "User is not confirmed.", 400, signedOut, 1},
		{"ResourceNotFoundException", "User pool client 1abc does not exist.", 400, unavailable, 1},
		{"InvalidParameterException", "Invalid device key given.", 400, unavailable, 1},
		{"ForbiddenException", "Request not allowed due to WAF block.", 403, unavailable, 1},
		{"UserLambdaValidationException", "PreTokenGeneration failed", 400, unavailable, 1},
		{"UnexpectedLambdaException", "PreTokenGeneration failed", 400, unavailable, 1},
		{"InvalidLambdaResponseException", "Unrecognizable lambda output", 400, unavailable, 1},
		{"UnsupportedOperationException", "not enabled", 400, unavailable, 1},
		{"NotAuthorizedExceptionFoo", "Invalid Refresh Token", 400, unavailable, 1},
		{"notauthorized", "Invalid Refresh Token", 400, unavailable, 1},
		{"ExpiredTokenException", "", 400, unavailable, 1},
		{"TooManyRequestsException", "Rate exceeded", 400, unavailable, 2},
		{"TooManyRequestsException", "Rate exceeded", 429, unavailable, 2},
		{"com.amazonaws.cognito#TooManyRequestsException:http://internal.amazon.com/", "", 400, unavailable, 2},
		{"LimitExceededException", "Attempt limit exceeded", 400, unavailable, 2},
		{"ThrottlingException", "Rate exceeded", 400, unavailable, 2},
		{"Anything", "", 429, unavailable, 2},
		{"InternalErrorException", "", 500, unavailable, 2},
		{"ServiceUnavailableException", "", 503, unavailable, 2},
	}
	for _, message := range []string{
		"Refresh Token has been revoked", "Refresh Token has expired", "Invalid Refresh Token", "Invalid Refresh Token.",
		"Refresh Token has different Client", "User is disabled.", "Access Token has been revoked", "Invalid login attempt", "",
	} {
		rows = append(rows, row{"NotAuthorizedException", message, 400, signedOut, 1})
	}
	for _, message := range []string{
		"Unable to verify secret hash for client 1abc", "Client 1abc is configured for secret but secret was not received",
		"Client 1abc is configured with secret but SECRET_HASH was not received", "SecretHash does not match for the client: 1abc",
		"Invalid client_id", "Client is disabled", "Client not authorized for this flow",
	} {
		rows = append(rows, row{"NotAuthorizedException", message, 400, unavailable, 1})
	}
	for _, row := range rows {
		t.Run(row.code+" "+row.message, func(t *testing.T) {
			runRefreshDrill(t, func(d *refreshDrill) {
				d.fault(cognitotest.Fault{Code: row.code, Message: row.message, Status: row.status})
				_, err := d.refresh(d.Context())
				var answer *tokens.APIError
				if !errors.As(err, &answer) {
					t.Fatalf("%v is no APIError", err)
				}
				want := tokens.APIError{Op: opRefresh, Status: row.status, Code: row.code, Message: answer.Message}
				if strings.Contains(row.code, "#") {
					want.Code = "TooManyRequestsException"
				}
				if row.message != "" {
					want.Message = row.message
				}
				if *answer != want {
					t.Errorf("got %#v, want %#v", *answer, want)
				}
				if answer.SignedOut() != (row.want == signedOut) || errors.Is(err, tokens.ErrUnavailable) != (row.want == unavailable) {
					t.Errorf("%v: signed out %t, unavailable %t, want %s", err, answer.SignedOut(), errors.Is(err, tokens.ErrUnavailable), row.want)
				}
				d.calls(opRefresh, row.attempts)
				if len(d.called) != 1 || d.called[0] != opRefresh+" false" {
					t.Errorf("the hook was told %q", d.called)
				}
			})
		})
	}
}

// TestErrorPages checks answers that are not Cognito's: they say nothing of what
// has been done, and so nothing is tried again, unless it was for the number of
// requests.
func TestErrorPages(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fault    cognitotest.Fault
		attempts int
	}{
		{"HTML 503", cognitotest.Fault{Status: 503, Body: "<html><h1>503 Service Unavailable</h1></html>"}, 1},
		{"HTML 502", cognitotest.Fault{Status: 502, Body: "<html>Bad Gateway</html>"}, 1},
		{"HTML 403", cognitotest.Fault{Status: 403, Body: "<html>Forbidden</html>"}, 1},
		{"HTML 429", cognitotest.Fault{Status: 429, Body: "<html>Slow down</html>"}, 1},
		{"JSON 504 of a gateway", cognitotest.Fault{Status: 504, Body: `{"message":"Endpoint request timed out"}`}, 1},
		{"JSON 429 of a gateway", cognitotest.Fault{Status: 429, Body: `{"message":"Too Many Requests"}`}, 2},
		{"JSON 400 of a gateway", cognitotest.Fault{Status: 400, Body: `{"message":null}`}, 1},
		{"an empty 500", cognitotest.Fault{Status: 500, Body: " "}, 1},
		{"half an error", cognitotest.Fault{Status: 400, Body: `{"__type":"NotAuthorizedException","mess`}, 1},
		{"an error of another shape", cognitotest.Fault{Status: 400, Body: `["NotAuthorizedException"]`}, 1},
		{"a capital M", cognitotest.Fault{Status: 500, Body: `{"__type":"InternalErrorException","Message":"M"}`}, 2},
		{"a code instead of a type", cognitotest.Fault{Status: 500, Body: `{"code":"InternalErrorException"}`}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runRefreshDrill(t, func(d *refreshDrill) {
				d.fault(tt.fault)
				_, err := d.refresh(d.Context())
				if !errors.Is(err, tokens.ErrUnavailable) {
					t.Error(err)
				}
				var answer *tokens.APIError
				if errors.As(err, &answer) && (answer.SignedOut() || answer.Status != tt.fault.Status) {
					t.Errorf("%#v", answer)
				}
				d.calls(opRefresh, tt.attempts)
			})
		})
	}
}

// TestAnswersThatCannotBeRead cuts and bends a good answer. It has tokens in it,
// and what cannot be read must not be shown either (S11).
func TestAnswersThatCannotBeRead(t *testing.T) {
	var good string
	runRefreshDrill(t, func(d *refreshDrill) {
		set, err := d.refresh(d.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(map[string]any{"AuthenticationResult": map[string]any{
			"AccessToken": set.Access, "IdToken": set.ID, "ExpiresIn": 3600, "TokenType": "Bearer",
		}})
		if err != nil {
			t.Fatal(err)
		}
		good = string(text)
	})
	bodies := map[string]string{
		"an array":             `["` + good[50:100] + `eyJ0b2tlbiJ9"]`,
		"a string":             `"eyJ0b2tlbiJ9"`,
		"a string for a token": `{"AuthenticationResult":"eyJ0b2tlbiJ9"}`,
		"an array of tokens":   `{"AuthenticationResult":{"AccessToken":["eyJ0b2tlbiJ9"]}}`,
		"an object as token":   `{"AuthenticationResult":{"AccessToken":{"eyJ0b2tlbiJ9":"eyJ0b2tlbiJ9"}}}`,
		"text for a number":    `{"AuthenticationResult":{"AccessToken":"eyJ0b2tlbiJ9","ExpiresIn":"eyJ0b2tlbiJ9"}}`,
		"metadata":             `{"AuthenticationResult":{"AccessToken":"eyJ0b2tlbiJ9","NewDeviceMetadata":["eyJ0b2tlbiJ9"]}}`,
		"HTML":                 "<html>eyJ0b2tlbiJ9</html>",
		"nothing":              " ",
		"an empty object":      `{}`,
		"null":                 `null`,
		"a challenge":          `{"ChallengeName":"SMS_MFA","Session":"eyJ0b2tlbiJ9","ChallengeParameters":{}}`,
		"an empty result":      `{"AuthenticationResult":{}}`,
		"an empty token":       `{"AuthenticationResult":{"AccessToken":"","IdToken":"eyJ0b2tlbiJ9"}}`,
		"two megabytes":        `{"x":"` + strings.Repeat("eyJ", 700_000) + `",` + good[1:],
	}
	for _, n := range []int{1, 10, 30, 60, 500, len(good) / 2, len(good) - 60, len(good) - 1} {
		bodies[fmt.Sprintf("%d bytes", n)] = good[:n]
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			runRefreshDrill(t, func(d *refreshDrill) {
				d.fault(cognitotest.Fault{Status: 200, Body: body})
				_, err := d.refresh(d.Context())
				if !errors.Is(err, tokens.ErrUnavailable) {
					t.Error(err)
				}
				var kept *smithy.DeserializationError
				if errors.As(err, &kept) {
					t.Errorf("the error keeps %d bytes of the answer", len(kept.Snapshot))
				}
				d.calls(opRefresh, 1) // it has been done
			})
		})
	}
}

func TestLostReplyIsNotRepeated(t *testing.T) {
	runRefreshDrill(t, func(d *refreshDrill) {
		d.srv.SetRotation(true, 0)
		d.fault(cognitotest.Fault{After: true, Drop: true})
		if _, err := d.refresh(d.Context()); !errors.Is(err, tokens.ErrUnavailable) {
			t.Error(err)
		}
		d.calls(opRefresh, 1)
		d.srv.SetFault(nil)
		_, err := d.refresh(d.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || answer.Code != "RefreshTokenReuseException" {
			t.Errorf("the token was not rotated: %v", err)
		}
	})
}

func TestHungEndpoint(t *testing.T) {
	hung := cognitotest.Fault{Delay: 100 * time.Hour}
	for name, tt := range map[string]struct {
		faults   []cognitotest.Fault
		took     time.Duration // in all
		attempts int
	}{
		"before it has done anything": {[]cognitotest.Fault{hung}, 2500 * time.Millisecond, 1},
		"with the answer":             {[]cognitotest.Fault{{Delay: 100 * time.Hour, After: true}}, 2500 * time.Millisecond, 1},
		"after it has throttled": {[]cognitotest.Fault{{Delay: 2400 * time.Millisecond, Code: "TooManyRequestsException"}, hung},
			5 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			runRefreshDrill(t, func(d *refreshDrill) {
				d.faults(tt.faults...)
				start := time.Now()
				_, err := d.refresh(d.Context())
				if !errors.Is(err, tokens.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				if took := time.Since(start); took.Round(200*time.Millisecond) != tt.took.Round(200*time.Millisecond) || took > 5*time.Second {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				d.calls(opRefresh, tt.attempts)
			})
		})
	}
	t.Run("for a thousand at once", func(t *testing.T) {
		runRefreshDrill(t, func(d *refreshDrill) {
			d.fault(hung)
			var wg sync.WaitGroup
			for range 1000 {
				wg.Go(func() { d.refresh(d.Context()) })
			}
			wg.Wait() // and the bubble sees that no goroutine is left
		})
	})
}

func TestSecondAttempt(t *testing.T) {
	for name, fault := range map[string]cognitotest.Fault{
		"throttled":             {Code: "TooManyRequestsException"},
		"throttled with 429":    {Status: 429},
		"an internal error":     {Status: 500},
		"an outage it knows of": {Status: 503, Code: "ServiceUnavailableException"},
	} {
		t.Run(name, func(t *testing.T) {
			runRefreshDrill(t, func(d *refreshDrill) {
				d.faults(fault)
				start := time.Now()
				set, err := d.refresh(d.Context())
				if err != nil || set.Access == "" || set.ID == "" || set.Refresh != "" {
					t.Errorf("%v, %v", set, err)
				}
				if took := time.Since(start); took < 100*time.Millisecond || took > 200*time.Millisecond {
					t.Errorf("the second attempt came after %v", took)
				}
				d.calls(opRefresh, 2)
				if len(d.called) != 1 || d.called[0] != opRefresh+" true" {
					t.Errorf("the hook was told %q", d.called)
				}
				d.faults(fault, fault)
				if _, err := d.refresh(d.Context()); !errors.Is(err, tokens.ErrUnavailable) {
					t.Errorf("after two failures: %v", err)
				}
				d.calls(opRefresh, 4)
			})
		})
	}
}

func TestCallerCancels(t *testing.T) {
	for name, tt := range map[string]struct {
		fault cognitotest.Fault
		after time.Duration
	}{
		"while it hangs":               {cognitotest.Fault{Delay: time.Hour}, time.Second},
		"between two attempts":         {cognitotest.Fault{Code: "TooManyRequestsException"}, 50 * time.Millisecond},
		"before anything has happened": {cognitotest.Fault{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			runRefreshDrill(t, func(d *refreshDrill) {
				d.fault(tt.fault)
				ctx, cancel := context.WithCancel(d.Context())
				defer cancel()
				if tt.after == 0 {
					cancel()
				}
				time.AfterFunc(tt.after, cancel)
				start := time.Now()
				_, err := d.refresh(ctx)
				if !errors.Is(err, tokens.ErrUnavailable) || tt.fault.Code == "" && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %v", took)
				}
				if n := d.srv.Calls(opRefresh); n > 1 {
					t.Errorf("%d calls", n)
				}
			})
		})
	}
}

// TestAnswerThatComesDrop by drop holds nobody longer than one that does not come.
func TestAnswerThatTrickles(t *testing.T) {
	runRefreshDrill(t, func(d *refreshDrill) {
		d.client = d.newClient(d.srv.UserPool(), &http.Client{Transport: trickle{}})
		start := time.Now()
		_, err := d.refresh(d.Context())
		if !errors.Is(err, tokens.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// trickle answers with a byte a second, as long as the request lives.
type trickle struct{}

func (trickle) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: drops{r.Context()}, Request: r}, nil
}

type drops struct{ ctx context.Context }

func (d drops) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func (drops) Close() error { return nil }

// TestMessagesThatQuoteTokens checks that what was sent does not come back in an
// error, as Cognito's validation errors quote what they do not like.
func TestMessagesThatQuoteTokens(t *testing.T) {
	runRefreshDrill(t, func(d *refreshDrill) {
		srv := d.srv.AddClient("confidential", "s3cr3t-of-the-client")
		d.client = d.newClient(srv.UserPool(), srv.Client())
		d.fault(cognitotest.Fault{Code: "InvalidParameterException",
			Message: "Value '" + d.set.Refresh + "' at 'refreshToken', 's3cr3t-of-the-client' at 'clientSecret'"})
		_, err := d.refresh(d.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || answer.Message != "Value '…' at 'refreshToken', '…' at 'clientSecret'" {
			t.Error(err)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "s3cr3t") {
			t.Error(err)
		}
		d.fault(cognitotest.Fault{Code: "InvalidParameterException", Message: "null"})
		if _, err := d.client.Refresh(d.Context(), "", nil); !errors.As(err, &answer) || answer.Message != "null" {
			t.Errorf("without a token: %v", err)
		}
	})
}

func TestRefreshWithRotation(t *testing.T) {
	runRefreshDrill(t, func(d *refreshDrill) {
		d.srv.SetRotation(true, 0)
		set, err := d.refresh(d.Context())
		if err != nil || set.Refresh == "" || set.Refresh == d.set.Refresh {
			t.Fatalf("%v, %v", set, err)
		}
		_, err = d.refresh(d.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || answer.SignedOut() || errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("a reused token: %v", err)
		}
	})
}

func TestRevoke(t *testing.T) {
	runRefreshDrill(t, func(d *refreshDrill) {
		if err := d.client.Revoke(d.Context(), d.set.Refresh); err != nil {
			t.Error(err)
		}
		_, err := d.refresh(d.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || !answer.SignedOut() {
			t.Errorf("a refresh after it was revoked: %v", err)
		}
		d.fault(cognitotest.Fault{Code: "UnsupportedOperationException", Message: "Token revocation is not enabled for this client"})
		if err := d.client.Revoke(d.Context(), d.set.Refresh); err != nil {
			t.Errorf("revocation that is not enabled: %v", err)
		}
		for _, code := range []string{"UnauthorizedException", "UnsupportedTokenTypeException", "InternalErrorException"} {
			d.fault(cognitotest.Fault{Code: code, Message: d.set.Refresh})
			err := d.client.Revoke(d.Context(), d.set.Refresh)
			if !errors.Is(err, tokens.ErrUnavailable) || !errors.As(err, &answer) || answer.Code != code || answer.Op != "RevokeToken" {
				t.Errorf("%s: %v", code, err)
			}
			d.silent(err)
		}
	})
}

func TestGlobalSignOut(t *testing.T) {
	runRefreshDrill(t, func(d *refreshDrill) {
		if err := d.client.GlobalSignOut(d.Context(), d.set.Access); err != nil {
			t.Error(err)
		}
		var answer *tokens.APIError
		if _, err := d.refresh(d.Context()); !errors.As(err, &answer) || !answer.SignedOut() {
			t.Errorf("a refresh after it: %v", err)
		}
		err := d.client.GlobalSignOut(d.Context(), d.set.Access)
		if !errors.As(err, &answer) || !answer.SignedOut() || answer.Op != "GlobalSignOut" {
			t.Errorf("a second one: %v", err)
		}
		d.silent(err)
	})
}

func TestUserAttributes(t *testing.T) {
	runRefreshDrill(t, func(d *refreshDrill) {
		got, err := d.client.UserAttributes(d.Context(), d.set.Access)
		if err != nil || got["email"] != "ada@example.com" || got["sub"] == "" {
			t.Errorf("%v, %v", got, err)
		}
		var answer *tokens.APIError
		_, err = d.client.UserAttributes(d.Context(), d.srv.Issue("ada", cognitotest.Expired).Access)
		if !errors.As(err, &answer) || !answer.SignedOut() || answer.Op != "GetUser" {
			t.Errorf("with an expired token: %v", err)
		}
		d.silent(err)
		// A token of the managed login may lack the scope. That ends no session.
		scoped := d.srv.Issue("ada", func(t *cognitotest.Draft) { t.Claims["scope"] = "openid" })
		_, err = d.client.UserAttributes(d.Context(), scoped.Access)
		if !errors.As(err, &answer) || answer.SignedOut() || !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("without the scope: %v", err)
		}
	})
}

// recorder keeps the requests that it answers.
type recorder struct {
	answer   string
	requests []*http.Request
	bodies   []map[string]any
}

func (r *recorder) client() *http.Client {
	return &http.Client{Transport: roundTripper(func(req *http.Request) string {
		var body map[string]any
		if req.Body != nil {
			json.NewDecoder(req.Body).Decode(&body)
		}
		r.requests, r.bodies = append(r.requests, req), append(r.bodies, body)
		return r.answer
	})}
}

// TestWhatIsSent checks the members of each request, and that nothing but the
// tokens authorizes it.
func TestWhatIsSent(t *testing.T) {
	const tokensAnswer = `{"AuthenticationResult":{"AccessToken":"a"}}`
	for _, secret := range []string{"", "s3cr3t"} {
		rec := &recorder{answer: tokensAnswer}
		pool := tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1abc", ClientSecret: secret}
		c, err := tokens.NewClient(pool, &tokens.Options{HTTPClient: rec.client()})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		c.Refresh(ctx, "r", nil)
		c.Refresh(ctx, "r", &tokens.RefreshOptions{DeviceKey: "eu-west-1_device", ClientMetadata: map[string]string{"k": "v"}})
		c.Revoke(ctx, "r")
		c.GlobalSignOut(ctx, "a")
		c.UserAttributes(ctx, "a")
		want := []map[string]any{
			{"op": opRefresh, "ClientId": "1abc", "RefreshToken": "r", "ClientSecret": secret},
			{"op": opRefresh, "ClientId": "1abc", "RefreshToken": "r", "ClientSecret": secret,
				"DeviceKey": "eu-west-1_device", "ClientMetadata": map[string]any{"k": "v"}},
			{"op": "RevokeToken", "ClientId": "1abc", "Token": "r", "ClientSecret": secret},
			{"op": "GlobalSignOut", "AccessToken": "a"},
			{"op": "GetUser", "AccessToken": "a"},
		}
		if len(rec.requests) != len(want) {
			t.Fatalf("%d requests", len(rec.requests))
		}
		for i, req := range rec.requests {
			got := maps.Clone(rec.bodies[i])
			got["op"] = strings.TrimPrefix(req.Header.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService.")
			if secret == "" {
				delete(want[i], "ClientSecret")
			}
			if !reflect.DeepEqual(got, want[i]) {
				t.Errorf("sent %v, want %v", got, want[i])
			}
			if req.Method != "POST" || req.URL.String() != "https://cognito-idp.eu-west-1.amazonaws.com/" || req.Header.Get("Authorization") != "" {
				t.Errorf("%s %s with Authorization %q", req.Method, req.URL, req.Header.Get("Authorization"))
			}
		}
	}
}

// TestRedirectsAreNotFollowed checks that no answer can have a token sent
// somewhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var hosts []string
		c, err := tokens.NewClient(goldenPool, &tokens.Options{HTTPClient: &http.Client{Transport: redirect{status, &hosts}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Refresh(context.Background(), "r", nil); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("%d: %v", status, err)
		}
		if len(hosts) != 1 {
			t.Errorf("%d: requests went to %q", status, hosts)
		}
	}
}

type redirect struct {
	status int
	hosts  *[]string
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	*r.hosts = append(*r.hosts, req.URL.Host)
	return &http.Response{
		StatusCode: r.status, Request: req, Body: http.NoBody,
		Header: http.Header{"Location": {"https://evil.example/"}},
	}, nil
}
