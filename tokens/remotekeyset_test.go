package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestKeySetIsFetchedWhenATokenNamesIt(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		kt.wantFetches(0)
		raw := kt.issue()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { kt.accept(raw) })
		}
		wg.Wait()
		kt.accept(kt.server.Issue("ada").Access)
		kt.wantFetches(1)
	})
}

func TestKeySetIsFetchedAgainInTheBackground(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		raw := kt.issue()
		token := kt.accept(raw)
		time.Sleep(time.Hour)
		kt.accept(raw)
		kt.wantFetches(1)
		time.Sleep(time.Second)
		kt.setFault(&cognitotest.Fault{Delay: 4 * time.Second})
		for range 3 {
			kt.accept(raw)
		}
		time.Sleep(4 * time.Second)
		kt.wantFetches(2)
		kt.accept(raw)
		kt.wantFetches(2)
		// A request that is served from a cache only asks whether the key is trusted.
		time.Sleep(2 * time.Hour)
		if !kt.verifier.Trusted(kt.now(), token) {
			kt.Error("an old key set is not trusted")
		}
		kt.wantFetches(3)
		time.Sleep(4 * time.Second)
	})
}

func TestCancelledRequestDoesNotCancelTheFetch(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		kt.setFault(&cognitotest.Fault{Delay: 2 * time.Second})
		raw, start := kt.issue(), time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := kt.verifier.Verify(ctx, raw, tokens.Access)
			if !errors.Is(err, tokens.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				kt.Errorf("the cancelled request got %v after %v", err, time.Since(start))
			}
		})
		wg.Go(func() {
			time.Sleep(time.Second / 2)
			if _, err := kt.verifier.Verify(context.Background(), raw, tokens.Access); err != nil {
				kt.Errorf("the waiting request got %v", err)
			}
		})
		wg.Wait()
		kt.wantFetches(1)
		kt.accept(raw)
		// A token of a known key needs no context.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := kt.verifier.Verify(ctx, raw, tokens.Access); err != nil {
			kt.Error(err)
		}
	})
}

// TestFetchThatHasJustFinished has two requests look for a new key. The second one
// fetches it before the first one asks for a fetch. The first one must find the key, and
// not be refused because a fetch was just now.
func TestFetchThatHasJustFinished(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	now := time.Now()
	var meanwhile func()
	v, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client(), Now: func() time.Time {
		if f := meanwhile; f != nil {
			meanwhile = nil
			f()
		}
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	verify := func() {
		t.Helper()
		if _, err := v.Verify(context.Background(), server.Issue("ada").Access, tokens.Access); err != nil {
			t.Error(err)
		}
	}
	verify()
	now = now.Add(10 * time.Second)
	server.RotateKeys()
	meanwhile = verify
	verify()
	if n := server.Calls("JWKS"); n != 2 {
		t.Errorf("%d fetches", n)
	}
}

// TestEachIssuerHasItsKeySet checks that a failure of one issuer does not affect
// another, and that an issuer's key verifies no token of another issuer.
func TestEachIssuerHasItsKeySet(t *testing.T) {
	original := goldenUserPool.IssuerURL()
	updated := strings.Replace(original, "cognito-idp", "issuer-cognito-idp", 1)
	replica := "https://cognito-idp.eu-west-1.amazonaws.com/us-east-1_GoldenA01"
	userPool := goldenUserPool
	userPool.Issuers = []string{replica}
	fetched := make(map[string]int)
	v, err := tokens.NewVerifier(userPool, &tokens.Options{
		Now: func() time.Time { return goldenNow },
		HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) string {
			fetched[r.URL.String()]++
			switch r.URL.String() {
			case original + "/.well-known/jwks.json":
				return `{"keys":[` + accessKey().jwk + `]}`
			case replica + "/.well-known/jwks.json":
				return `{"keys":[` + idKey().jwk + `]}`
			}
			return `{"message":"Forbidden"}`
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := func(issuer string, key goldenKey) string {
		d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
		set(&d.claims, "iss", fmt.Sprintf(`"iss":%q`, issuer))
		set(&d.header, "kid", fmt.Sprintf(`"kid":%q`, key.kid))
		d.sign = rs256(key)
		return d.token()
	}
	for _, tt := range []struct {
		issuer string
		key    goldenKey
		want   error
	}{
		{original, accessKey(), nil},
		{original, idKey(), tokens.UnknownKey},
		{updated, accessKey(), tokens.UnknownKey}, // the user pool does not use this issuer
		{original, accessKey(), nil},
		{replica, idKey(), nil},
		{replica, accessKey(), tokens.UnknownKey},
		{"https://evil.example/us-east-1_GoldenA01", rogueKey(), tokens.BadIssuer},
	} {
		if _, err := v.Verify(context.Background(), token(tt.issuer, tt.key), tokens.Access); !errors.Is(err, tt.want) {
			t.Errorf("%s with %s: %v, want %v", tt.issuer, tt.key.kid, err, tt.want)
		}
	}
	if len(fetched) != 3 || fetched[updated+"/.well-known/jwks.json"] != 1 {
		t.Errorf("fetched: %v", fetched)
	}
}

// TestKeySetOfAnotherUserPool checks that a RemoteKeySet has no key of another user
// pool's issuer.
func TestKeySetOfAnotherUserPool(t *testing.T) {
	server := cognitotest.New()
	keys, err := tokens.NewRemoteKeySet(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{Keys: keys, Now: func() time.Time { return goldenNow }})
	if err != nil {
		t.Fatal(err)
	}
	raw := newDraft(tokens.Access, goldenNow.Add(time.Hour)).token()
	if _, err := v.Verify(context.Background(), raw, tokens.Access); !errors.Is(err, tokens.UnknownKey) {
		t.Error(err)
	}
	if key, err := keys.Key(context.Background(), goldenUserPool.IssuerURL(), "a"); key != nil || !errors.Is(err, tokens.UnknownKey) {
		t.Error(key, err)
	}
	if key, err := keys.Key(context.Background(), server.UserPool().IssuerURL(), "a"); key != nil || !errors.Is(err, tokens.UnknownKey) {
		t.Error(key, err)
	}
	if server.Calls("JWKS") != 1 {
		t.Errorf("%d fetches", server.Calls("JWKS"))
	}
}
