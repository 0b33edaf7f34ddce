package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestThousandRequestsOfOneUserMakeOneExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoolTest(t, nil)
		s := signedIn(p.server, "ada")
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := p.identityPool.Credentials(t.Context(), s); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := p.calls(); got != [2]int{1, 1} {
			t.Errorf("calls: %v", got)
		}
	})
}

func TestSessionsOfOneUserShareCredentials(t *testing.T) {
	p := newPoolTest(t, nil)
	first, err := p.identityPool.Credentials(t.Context(), signedIn(p.server, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	p.advance(time.Minute)
	second, err := p.identityPool.Credentials(t.Context(), signedIn(p.server, "ada"))
	if err != nil || second != first {
		t.Errorf("another session: %v, %v", second, err)
	}
	if got := p.calls(); got != [2]int{1, 1} {
		t.Errorf("calls: %v", got)
	}
}

// TestChangedClaimsGetNewCredentials removes a user from a group: the next ID token
// gets credentials of another role and the same identity.
func TestChangedClaimsGetNewCredentials(t *testing.T) {
	p := newPoolTest(t, nil)
	before, err := p.identityPool.Credentials(t.Context(), signedIn(p.server, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	p.server.SetUser(cognitotest.User{Username: "ada"})
	after, err := p.identityPool.Credentials(t.Context(), signedIn(p.server, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	if after.AccessKeyID == before.AccessKeyID || after.IdentityID != before.IdentityID {
		t.Errorf("before %v, after %v", before, after)
	}
	if got := p.calls(); got != [2]int{1, 2} {
		t.Errorf("calls: %v", got)
	}
}

func TestThousandUsersNeverShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // no call is slow in a bubble
		var users []cognitotest.User
		count := longtest.Scale(60, 1000)
		for i := range count {
			users = append(users, cognitotest.User{Username: fmt.Sprint("user", i)})
		}
		server := cognitotest.New(users...)
		identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{HTTPClient: server.Client(), AllowGuest: true})
		if err != nil {
			t.Fatal(err)
		}
		api, signIn := restClient(server, identityPool), signInWith(server)
		checkViewer := func(ctx context.Context, username string) {
			if viewer, err := api.whoami(ctx); err != nil || viewer.Username != username {
				t.Errorf("%q is seen as %+v, %v", username, viewer, err)
			}
		}
		var wg sync.WaitGroup
		slots := make(chan struct{}, 64)
		for _, u := range users {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				ctx := session.NewContext(context.Background(), signIn(u.Username))
				var requests sync.WaitGroup
				for range 2 {
					requests.Go(func() { checkViewer(ctx, u.Username) })
				}
				requests.Go(func() { checkViewer(context.Background(), "") })
				requests.Wait()
			})
		}
		wg.Wait()
		if got := server.Calls("GetCredentialsForIdentity"); got != count+1 {
			t.Errorf("%d exchanges for %d users and a guest", got, count)
		}
	})
}

func TestCancelledWaiterLeavesTheCallToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoolTest(t, nil)
		s := signedIn(p.server, "ada")
		p.server.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Delay: time.Second} })
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.identityPool.Credentials(impatient, s); !errors.Is(err, context.Canceled) {
				t.Errorf("the cancelled request: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := p.identityPool.Credentials(t.Context(), s); err != nil {
				t.Errorf("the other request: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if got := p.calls(); got != [2]int{1, 1} {
			t.Errorf("calls: %v", got)
		}
		if _, err := p.identityPool.Credentials(impatient, s); err != nil {
			t.Errorf("credentials that are at hand: %v", err)
		}
		if _, err := p.identityPool.Credentials(impatient, signedIn(p.server, "bob")); !errors.Is(err, context.Canceled) {
			t.Errorf("a request that is over begins a call: %v", err)
		}
	})
}

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoolTest(t, nil)
		s := signedIn(p.server, "ada")
		get := func() identity.Credentials {
			t.Helper()
			c, err := p.identityPool.Credentials(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return c
		}
		first := get()
		p.advance(50*time.Minute - time.Second)
		if get() != first || p.calls() != [2]int{1, 1} {
			t.Errorf("renewed before its time: %v", p.calls())
		}
		p.advance(time.Second)
		if get() != first {
			t.Error("a request waits for the renewal although credentials are good")
		}
		second := get()
		if second == first || p.calls() != [2]int{1, 2} {
			t.Errorf("not renewed in the background, or the identity was asked for again: %v", p.calls())
		}
		p.advance(59*time.Minute + time.Second)
		if third := get(); third == second || third.IdentityID != first.IdentityID {
			t.Errorf("in the last minute: %v", third)
		}
	})
}

func TestGuests(t *testing.T) {
	p := newPoolTest(t, func(o *identity.Options) { o.AllowGuest = true })
	user, err := p.identityPool.Credentials(t.Context(), signedIn(p.server, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.identityPool.Credentials(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.advance(time.Hour)
	second, err := p.identityPool.Credentials(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.IdentityID != second.IdentityID || first.AccessKeyID == second.AccessKeyID || first.IdentityID == user.IdentityID {
		t.Errorf("the guest is %v, then %v; ada is %v", first, second, user)
	}
	p.server.SetGuests(false)
	p.advance(time.Hour)
	_, err = p.identityPool.Credentials(t.Context(), nil)
	if api := (*tokens.APIError)(nil); !errors.As(err, &api) || api.Message != "Unauthenticated access is not supported for this identity pool." {
		t.Errorf("when the pool allows guests no more: %v", err)
	}
}

// TestCachesAreBounded checks the limits of both caches, and that the least recently
// used entries are forgotten first.
func TestCachesAreBounded(t *testing.T) {
	p := newPoolTest(t, nil)
	p.identityPool.SetLimits(3, 5)
	signIn := signInWith(p.server)
	var sessions []*session.Session
	for i := range 8 {
		p.server.SetUser(cognitotest.User{Username: fmt.Sprint("user", i)})
		sessions = append(sessions, signIn(fmt.Sprint("user", i)))
		if _, err := p.identityPool.Credentials(t.Context(), sessions[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := p.identityPool.Credentials(t.Context(), sessions[0]); err != nil { // used all the time
			t.Fatal(err)
		}
	}
	if credentials, identities := p.identityPool.CacheSize(); credentials != 3 || identities != 5 {
		t.Errorf("%d credentials and %d identities are cached", credentials, identities)
	}
	if p.calls() != [2]int{8, 8} {
		t.Errorf("the user of every second request was forgotten: %v", p.calls())
	}
	if _, err := p.identityPool.Credentials(t.Context(), sessions[4]); err != nil || p.calls() != [2]int{8, 9} {
		t.Errorf("a cached identity was asked for: %v, %v", err, p.calls())
	}
}

func TestRoleAndLoginsKey(t *testing.T) {
	p := newPoolTest(t, func(o *identity.Options) { o.RoleARN = "arn:aws:iam::123456789012:role/editor" })
	viewer, err := restClient(p.server, p.identityPool).whoami(session.NewContext(t.Context(), signedIn(p.server, "ada")))
	if err != nil || viewer.RoleARN != "arn:aws:iam::123456789012:role/editor" {
		t.Errorf("%+v, %v", viewer, err)
	}
	p = newPoolTest(t, func(o *identity.Options) { o.LoginsKey = "accounts.example.com" })
	_, err = p.identityPool.Credentials(t.Context(), signedIn(p.server, "ada"))
	if api := (*tokens.APIError)(nil); !errors.As(err, &api) || !strings.Contains(api.Message, "providerName") {
		t.Errorf("with the key of another provider: %v", err)
	}
}

func TestNewPoolListsAllMistakes(t *testing.T) {
	_, err := identity.NewPool(tokens.UserPool{}, &identity.Options{RoleARN: "editor", LoginsKey: "https://x", Endpoint: "example.com"})
	if err == nil {
		t.Fatal("accepted")
	}
	var fields []string
	for _, one := range errors.Unwrap(err).(interface{ Unwrap() []error }).Unwrap() {
		var mistake *tokens.ConfigError
		if !errors.As(one, &mistake) {
			t.Fatalf("%v is no ConfigError", one)
		}
		fields = append(fields, mistake.Field)
	}
	want := []string{
		"UserPool.ID", "UserPool.ClientID", "UserPool.IdentityPoolID",
		"Options.RoleARN", "Options.LoginsKey", "Options.Endpoint",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("mistakes in %q, want %q", fields, want)
	}
	var mistake *tokens.ConfigError
	if !errors.As(err, &mistake) {
		t.Errorf("errors.As finds no ConfigError in %v", err)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	p := newPoolTest(t, nil)
	s := signedIn(p.server, "ada")
	c, err := p.identityPool.Credentials(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "credentials", c)
	texts := fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, &c) + log.String()
	p.advance(time.Hour)
	p.server.SetFault(func(string) cognitotest.Fault {
		return cognitotest.Fault{Code: "InvalidParameterException", Message: "Value '" + s.IDToken().Raw() + "' at 'logins' failed to satisfy constraint"}
	})
	_, err = p.identityPool.Credentials(t.Context(), s)
	texts += fmt.Sprint(err)
	for _, secret := range []string{c.SecretAccessKey, c.SessionToken, s.IDToken().Raw(), "eyJ"} {
		if strings.Contains(texts, secret) {
			t.Errorf("a secret is shown in %s", texts)
		}
	}
	if !strings.Contains(texts, c.IdentityID) || !strings.Contains(log.String(), c.IdentityID) {
		t.Errorf("the identity is not shown in %s", texts)
	}
}
