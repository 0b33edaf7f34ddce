package cognitotest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func TestFaultDefaults(t *testing.T) {
	server := cognitotest.New(ada)
	for _, c := range []struct {
		name   string
		fault  cognitotest.Fault
		status int
		code   string
	}{
		{"code", cognitotest.Fault{Code: "NotAuthorizedException"}, 400, "NotAuthorizedException"},
		{"code of a server error", cognitotest.Fault{Code: "InternalErrorException"}, 500, "InternalErrorException"},
		{"code of an authorization error", cognitotest.Fault{Code: "UnauthorizedException"}, 401, "UnauthorizedException"},
		{"throttled", cognitotest.Fault{Status: 429}, 429, "TooManyRequestsException"},
		{"forbidden", cognitotest.Fault{Status: 403}, 403, "ForbiddenException"},
		{"server error", cognitotest.Fault{Status: 503}, 503, "InternalErrorException"},
		{"bad request", cognitotest.Fault{Status: 400}, 400, "InvalidParameterException"},
		{"page", cognitotest.Fault{Body: "<html>"}, 503, ""},
		{"half a document", cognitotest.Fault{Status: 200, Body: `{"Authent`}, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.SetFault(func(string) cognitotest.Fault { return c.fault })
			got := post(t, server.Client(), awsURL, "GetUser", "{}")
			if got.Status != c.status || got.Headers["x-amzn-errortype"] != c.code || got.Raw != c.fault.Body {
				t.Errorf("%+v, want status %d, %s", got, c.status, c.code)
			}
		})
	}
}

func TestFaultOfOneOperation(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetFault(func(op string) cognitotest.Fault {
		// A fault may use the server. Here only the first call fails.
		if op == "JWKS" && server.Calls(op) == 1 {
			return cognitotest.Fault{Body: "<html>"}
		}
		return cognitotest.Fault{}
	})
	resp, err := server.Client().Get(server.UserPool().KeySetURL())
	if err != nil || resp.StatusCode != 503 {
		t.Errorf("%v, %v", resp, err)
	}
	publishedKeys(t, server.Client(), server.UserPool().IssuerURL())
	if _, err := getUser(server, server.Issue("ada").Access); err != nil {
		t.Error(err)
	}
	server.SetFault(nil)
	if n := server.Calls("JWKS"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// TestFaultAfter: only a fault after the operation uses up the refresh token.
func TestFaultAfter(t *testing.T) {
	for _, kind := range []cognitotest.Fault{{Drop: true}, {Status: 503}, {Body: "<html>"}, {Code: "TooManyRequestsException"}} {
		for _, after := range []bool{false, true} {
			server := cognitotest.New(ada)
			server.SetRotation(true, 0)
			set := server.Issue("ada")
			kind.After = after
			server.SetFault(func(string) cognitotest.Fault { return kind })
			if _, err := refresh(server, set.Refresh); err == nil {
				t.Errorf("%+v: no error", kind)
			}
			server.SetFault(nil)
			_, err := refresh(server, set.Refresh)
			if after {
				wantAPIError(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
			} else if err != nil {
				t.Errorf("%+v: %v", kind, err)
			}
		}
	}
}

func TestDrop(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Drop: true} })
	if _, err := server.Client().Get(server.UserPool().KeySetURL()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("in memory: %v", err)
	}
	ts := httptest.NewServer(server)
	defer ts.Close()
	if resp, err := ts.Client().Post(ts.URL, "", strings.NewReader("{}")); err != nil || resp.StatusCode != 400 {
		t.Errorf("a request for no operation: %v, %v", resp, err)
	}
	server.SetURL(ts.URL)
	if got := post(t, ts.Client(), ts.URL, "GetUser", "{}"); !got.NetworkError {
		t.Errorf("on a port: %+v", got)
	}
}

func TestDelay(t *testing.T) {
	server := cognitotest.New(ada)
	get := func(ctx context.Context, client *http.Client) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, "GET", server.UserPool().KeySetURL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(r)
	}
	synctest.Test(t, func(t *testing.T) {
		server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Delay: 3 * time.Second} })
		start := time.Now()
		if resp, err := get(t.Context(), server.Client()); err != nil || resp.StatusCode != 200 {
			t.Errorf("slow answer: %v, %v", resp, err)
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("answered after %v", d)
		}

		server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Delay: 1000 * time.Hour, Status: 503} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := get(ctx, server.Client()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		client := server.Client()
		client.Timeout = time.Minute
		if _, err := get(t.Context(), client); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("timeout of the client: %v", err)
		}
		if d := time.Since(start); d != 64*time.Second {
			t.Errorf("hung until %v", d)
		}

		// The request is cancelled while it waits.
		ctx, cancel = context.WithCancel(t.Context())
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err = get(ctx, server.Client())
		}()
		synctest.Wait()
		cancel()
		<-done
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		before := server.Calls("JWKS")
		if _, err := get(ctx, server.Client()); !errors.Is(err, context.Canceled) || server.Calls("JWKS") != before {
			t.Errorf("cancelled before: %v", err)
		}
	})
}

// TestDelayAfter: with After, an operation has taken effect although the response
// came too late. Without After it has not.
func TestDelayAfter(t *testing.T) {
	for _, after := range []bool{false, true} {
		server := cognitotest.New(ada)
		server.SetRotation(true, 0)
		set := server.Issue("ada")
		synctest.Test(t, func(t *testing.T) {
			server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Delay: time.Minute, After: after} })
			client := server.Client()
			client.Timeout = time.Second
			if got := post(t, client, awsURL, "GetTokensFromRefreshToken", refreshBody(server, set.Refresh)); !got.NetworkError {
				t.Errorf("%+v", got)
			}
		})
		server.SetFault(nil)
		_, err := refresh(server, set.Refresh)
		if after {
			wantAPIError(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestHungRequestOverTheNetwork: the server's goroutine ends when the client gives
// up.
func TestHungRequestOverTheNetwork(t *testing.T) {
	server := cognitotest.New(ada)
	ts := httptest.NewServer(server)
	defer ts.Close() // waits for handlers
	server.SetURL(ts.URL)
	arrived := make(chan struct{})
	server.SetFault(func(string) cognitotest.Fault {
		close(arrived)
		return cognitotest.Fault{Delay: 1000 * time.Hour}
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", ts.URL, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.GetUser")
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := ts.Client().Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
