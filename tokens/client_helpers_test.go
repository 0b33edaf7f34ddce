package tokens_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// clientTest is a Client of an emulated user pool, in a synctest bubble.
type clientTest struct {
	*testing.T
	server *cognitotest.Server
	client *tokens.Client
	set    *tokens.Set
	called []string // operation and success of each call, from the hook
}

const opRefresh = "GetTokensFromRefreshToken"

func runClientTest(t *testing.T, run func(ct *clientTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ct := &clientTest{T: t, server: cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com"}})}
		ct.client = ct.newClient(ct.server.UserPool(), ct.server.Client())
		ct.set = ct.server.Issue("ada")
		run(ct)
	})
}

func (ct *clientTest) newClient(userPool tokens.UserPool, client *http.Client) *tokens.Client {
	ct.Helper()
	var mu sync.Mutex
	c, err := tokens.NewClient(userPool, &tokens.Options{HTTPClient: client, Hooks: tokens.Hooks{
		Called: func(_ context.Context, op string, elapsed time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			ct.called = append(ct.called, fmt.Sprintf("%s %t", op, err == nil))
			if elapsed < 0 || elapsed > 5*time.Second {
				ct.Errorf("%s took %v", op, elapsed)
			}
		},
	}})
	if err != nil {
		ct.Fatal(err)
	}
	return c
}

// refresh refreshes, and checks what holds for all refreshes.
func (ct *clientTest) refresh(ctx context.Context) (*tokens.Set, error) {
	ct.Helper()
	start := time.Now()
	set, err := ct.client.Refresh(ctx, ct.set.Refresh, nil)
	if held := time.Since(start); held > 5*time.Second {
		ct.Errorf("the call took %v", held)
	}
	if (set == nil) != (err != nil) {
		ct.Errorf("got %v and %v", set, err)
	}
	ct.showsNoToken(err)
	return set, err
}

// showsNoToken checks that an error shows no token, however it is printed.
func (ct *clientTest) showsNoToken(err error) {
	ct.Helper()
	for _, text := range printed(err) {
		if strings.Contains(text, "eyJ") || strings.Contains(text, ct.set.Refresh) {
			ct.Errorf("the error shows a token: %s", text)
		}
	}
}

func (ct *clientTest) wantCalls(op string, want int) {
	ct.Helper()
	if got := ct.server.Calls(op); got != want {
		ct.Errorf("%d calls of %s, want %d", got, op, want)
	}
}

// setFault makes every request fail in this way.
func (ct *clientTest) setFault(f cognitotest.Fault) {
	ct.server.SetFault(func(string) cognitotest.Fault { return f })
}

// setFaults makes the next requests fail in these ways, one after the other.
func (ct *clientTest) setFaults(list ...cognitotest.Fault) {
	var mu sync.Mutex
	ct.server.SetFault(func(string) cognitotest.Fault {
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

// recorder keeps all requests and gives them one answer.
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
