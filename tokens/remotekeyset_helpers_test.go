package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// keySetTest is an emulated user pool and a Verifier of its tokens, in a synctest
// bubble. The bubble also checks that no goroutine is left.
type keySetTest struct {
	*testing.T
	server    *cognitotest.Server
	verifier  *tokens.Verifier
	clockSkew atomic.Int64 // by which the verifier's clock is wrong
	mu        sync.Mutex
	fetches   []time.Time // when a fetch of a key set ended

	genuine func() string // returns one genuine token
}

func runKeySetTest(t *testing.T, run func(kt *keySetTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		kt := &keySetTest{T: t, server: cognitotest.New(cognitotest.User{Username: "ada"})}
		kt.server.SetLifetime(240 * time.Hour) // these tests are about keys, not about expiry
		kt.verifier = kt.newVerifier(kt.server.UserPool())
		kt.genuine = sync.OnceValue(kt.issue)
		run(kt)
	})
}

// now is the time by the verifier's clock.
func (kt *keySetTest) now() time.Time { return time.Now().Add(time.Duration(kt.clockSkew.Load())) }

func (kt *keySetTest) newVerifier(userPool tokens.UserPool) *tokens.Verifier {
	kt.Helper()
	v, err := tokens.NewVerifier(userPool, &tokens.Options{
		HTTPClient: kt.server.Client(),
		Now:        kt.now,
		Hooks: tokens.Hooks{KeysFetched: func(context.Context, string, int, error) {
			kt.mu.Lock()
			defer kt.mu.Unlock()
			kt.fetches = append(kt.fetches, time.Now())
		}},
	})
	if err != nil {
		kt.Fatal(err)
	}
	return v
}

func (kt *keySetTest) issue() string { return kt.server.Issue("ada").Access }

// verify verifies raw, and checks that this waits for nothing.
func (kt *keySetTest) verify(raw string) (*tokens.Token, error) {
	kt.Helper()
	start := time.Now()
	token, err := kt.verifier.Verify(context.Background(), raw, tokens.Access)
	if elapsed := time.Since(start); elapsed > 0 {
		kt.Errorf("it took %v", elapsed)
	}
	return token, err
}

func (kt *keySetTest) accept(raw string) *tokens.Token {
	kt.Helper()
	token, err := kt.verify(raw)
	if err != nil {
		kt.Errorf("refused: %v", err)
	}
	return token
}

func (kt *keySetTest) refuse(raw string, want error) {
	kt.Helper()
	if _, err := kt.verify(raw); !errors.Is(err, want) {
		kt.Errorf("got %v, want %v", err, want)
	}
}

// refuseKey checks that raw is refused with UnknownKey, and whether its key is retired.
func (kt *keySetTest) refuseKey(raw string, retired bool) {
	kt.Helper()
	_, err := kt.verify(raw)
	refusal := (*tokens.VerifyError)(nil)
	if !errors.As(err, &refusal) || refusal.Reason != tokens.UnknownKey || refusal.Retired != retired || (refusal.Token != nil) != retired {
		kt.Errorf("got %v, want an unknown key, retired: %t", err, retired)
	}
}

func (kt *keySetTest) wantFetches(want int) {
	kt.Helper()
	synctest.Wait()
	if got := kt.server.Calls("JWKS"); got != want {
		kt.Errorf("%d fetches of the key set, want %d", got, want)
	}
}

// setFault makes fetches of the key set fail, or no longer if f is nil.
func (kt *keySetTest) setFault(f *cognitotest.Fault) {
	if f == nil {
		kt.server.SetFault(nil)
		return
	}
	kt.server.SetFault(func(op string) cognitotest.Fault {
		if op != "JWKS" {
			return cognitotest.Fault{}
		}
		return *f
	})
}

var (
	down    = &cognitotest.Fault{Status: 503, Body: "<html>Service Unavailable</html>"}
	hanging = &cognitotest.Fault{Delay: 100 * time.Hour}
)

// tokenOfUnknownKey returns a token with a kid that no key set has.
func (kt *keySetTest) tokenOfUnknownKey(i int) string {
	_, rest, _ := strings.Cut(kt.genuine(), ".")
	return encode(fmt.Appendf(nil, `{"alg":"RS256","kid":"forged-%d"}`, i)) + "." + rest
}

// roundTripper answers every request with that text.
type roundTripper func(*http.Request) string

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(strings.NewReader(f(r))), Request: r}, nil
}
