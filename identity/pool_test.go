package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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
		p := open(t, nil)
		s := signedIn(p.srv, "ada")
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := p.pool.Credentials(t.Context(), s); err != nil {
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
	p := open(t, nil)
	first, err := p.pool.Credentials(t.Context(), signedIn(p.srv, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	p.advance(time.Minute)
	second, err := p.pool.Credentials(t.Context(), signedIn(p.srv, "ada"))
	if err != nil || second != first {
		t.Errorf("another session: %v, %v", second, err)
	}
	if got := p.calls(); got != [2]int{1, 1} {
		t.Errorf("calls: %v", got)
	}
}

// A user who is thrown out of a group loses its role with the next ID token, and
// keeps the identity.
func TestChangedClaimsGetNewCredentials(t *testing.T) {
	p := open(t, nil)
	before, err := p.pool.Credentials(t.Context(), signedIn(p.srv, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	p.srv.SetUser(cognitotest.User{Username: "ada"})
	after, err := p.pool.Credentials(t.Context(), signedIn(p.srv, "ada"))
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
	synctest.Test(t, func(t *testing.T) { // in which no call is slow
		var users []cognitotest.User
		count := longtest.Scale(200, 1000)
		for i := range count {
			users = append(users, cognitotest.User{Username: fmt.Sprint("user", i)})
		}
		srv := cognitotest.New(users...)
		pool, err := identity.NewPool(srv.UserPool(), &identity.Options{HTTPClient: srv.Client(), AllowGuest: true})
		if err != nil {
			t.Fatal(err)
		}
		api, signIn := restClient(srv, pool), guard(srv)
		see := func(ctx context.Context, username string) {
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
					requests.Go(func() { see(ctx, u.Username) })
				}
				requests.Go(func() { see(context.Background(), "") })
				requests.Wait()
			})
		}
		wg.Wait()
		if got := srv.Calls("GetCredentialsForIdentity"); got != count+1 {
			t.Errorf("%d exchanges for %d users and a guest", got, count)
		}
	})
}

func TestCancelledWaiterLeavesTheCallToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, nil)
		s := signedIn(p.srv, "ada")
		p.srv.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Delay: time.Second} })
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.pool.Credentials(impatient, s); !errors.Is(err, context.Canceled) {
				t.Errorf("the cancelled request: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := p.pool.Credentials(t.Context(), s); err != nil {
				t.Errorf("the other request: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if got := p.calls(); got != [2]int{1, 1} {
			t.Errorf("calls: %v", got)
		}
		if _, err := p.pool.Credentials(impatient, s); err != nil {
			t.Errorf("credentials that are at hand: %v", err)
		}
		if _, err := p.pool.Credentials(impatient, signedIn(p.srv, "bob")); !errors.Is(err, context.Canceled) {
			t.Errorf("a request that is over begins a call: %v", err)
		}
	})
}

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, nil)
		s := signedIn(p.srv, "ada")
		get := func() identity.Credentials {
			t.Helper()
			c, err := p.pool.Credentials(t.Context(), s)
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

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, nil)
		ada, bob := signedIn(p.srv, "ada"), signedIn(p.srv, "bob")
		first, err := p.pool.Credentials(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		p.srv.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })

		if _, err := p.pool.Credentials(t.Context(), bob); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("without credentials: %v", err)
		}
		asked := p.calls()
		if _, err := p.pool.Credentials(t.Context(), bob); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("within a second: %v", err)
		}
		if p.calls() != asked {
			t.Error("asked again within a second")
		}

		for _, later := range []time.Duration{0, 52 * time.Minute, 59*time.Minute + 30*time.Second} {
			p.advance(later - p.Now().Sub(first.Expires.Add(-time.Hour)))
			got, err := p.pool.Credentials(t.Context(), ada)
			if err != nil || got != first {
				t.Errorf("cached credentials after %v: %v, %v", later, got, err)
			}
			synctest.Wait()
		}
		p.advance(time.Minute)
		if _, err := p.pool.Credentials(t.Context(), ada); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("when they have expired: %v", err)
		}

		p.srv.SetFault(nil)
		p.advance(time.Second)
		if got, err := p.pool.Credentials(t.Context(), ada); err != nil || got == first {
			t.Errorf("after the outage: %v, %v", got, err)
		}
	})
}

func TestAttempts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults []cognitotest.Fault // of GetId, one after the other
		calls  int
		ok     bool
	}{
		{"throttled once", []cognitotest.Fault{{Status: 429}}, 2, true},
		{"a lost reply", []cognitotest.Fault{{After: true, Drop: true}}, 2, true},
		{"hung once", []cognitotest.Fault{{Delay: time.Hour}}, 2, true},
		{"a proxy's error page", []cognitotest.Fault{{Body: "<h1>bad gateway</h1>", Status: 502}}, 2, true},
		{"half an answer", []cognitotest.Fault{{Body: `{"IdentityId":"eu-we`, Status: 200}}, 2, true},
		{"throttled twice", []cognitotest.Fault{{Status: 429}, {Status: 429}}, 2, false},
		{"limit exceeded", []cognitotest.Fault{{Code: "LimitExceededException"}, {Code: "LimitExceededException"}}, 2, false},
		{"hung for good", []cognitotest.Fault{{Delay: time.Hour}, {Delay: time.Hour}}, 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, nil)
				s := signedIn(p.srv, "ada")
				n := 0
				p.srv.SetFault(func(op string) (f cognitotest.Fault) {
					if op == "GetId" && n < len(tt.faults) {
						f = tt.faults[n]
						n++
					}
					return f
				})
				start := time.Now()
				_, err := p.pool.Credentials(t.Context(), s)
				if (err == nil) != tt.ok || err != nil && !errors.Is(err, tokens.ErrUnavailable) {
					t.Error(err)
				}
				if got := p.srv.Calls("GetId"); got != tt.calls {
					t.Errorf("%d calls", got)
				}
				if waited := time.Since(start); waited > 5*time.Second {
					t.Errorf("held for %v", waited)
				}
			})
		})
	}
}

func TestRefused(t *testing.T) {
	for _, code := range []string{"NotAuthorizedException", "ResourceNotFoundException", "InvalidIdentityPoolConfigurationException"} {
		t.Run(code, func(t *testing.T) {
			p := open(t, nil)
			s := signedIn(p.srv, "ada")
			p.srv.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Code: code} })
			_, err := p.pool.Credentials(t.Context(), s)
			var api *tokens.APIError
			if !errors.As(err, &api) || api.Code != code || api.Op != "GetId" || errors.Is(err, tokens.ErrUnavailable) {
				t.Errorf("%v", err)
			}
			if p.calls() != [2]int{1, 0} {
				t.Errorf("a refusal is asked for again: %v", p.calls())
			}
		})
	}
}

// A session whose token is refused does not speak for another session of the user.
func TestRefusalIsOfOneToken(t *testing.T) {
	p := open(t, nil)
	first, second := signedIn(p.srv, "ada"), signedIn(p.srv, "ada")
	p.srv.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Code: "NotAuthorizedException"} })
	if _, err := p.pool.Credentials(t.Context(), first); err == nil {
		t.Fatal("not refused")
	}
	p.srv.SetFault(nil)
	if _, err := p.pool.Credentials(t.Context(), second); err != nil {
		t.Errorf("the second session: %v", err)
	}
	if _, err := p.pool.Credentials(t.Context(), first); err != nil {
		t.Errorf("the first session, of the second's credentials: %v", err)
	}
}

// An identity that the pool has deleted is asked for anew.
func TestForgottenIdentity(t *testing.T) {
	p := open(t, nil)
	s := signedIn(p.srv, "ada")
	if _, err := p.pool.Credentials(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	p.advance(time.Hour)
	first := true
	p.srv.SetFault(func(op string) (f cognitotest.Fault) {
		if first {
			f.Code, first = "ResourceNotFoundException", false
		}
		return f
	})
	if _, err := p.pool.Credentials(t.Context(), s); err != nil {
		t.Error(err)
	}
	if p.calls() != [2]int{2, 3} {
		t.Errorf("calls: %v", p.calls())
	}
}

func TestGuests(t *testing.T) {
	p := open(t, func(o *identity.Options) { o.AllowGuest = true })
	user, err := p.pool.Credentials(t.Context(), signedIn(p.srv, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.pool.Credentials(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.advance(time.Hour)
	second, err := p.pool.Credentials(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.IdentityID != second.IdentityID || first.AccessKeyID == second.AccessKeyID || first.IdentityID == user.IdentityID {
		t.Errorf("the guest is %v, then %v; ada is %v", first, second, user)
	}
	p.srv.SetGuests(false)
	p.advance(time.Hour)
	_, err = p.pool.Credentials(t.Context(), nil)
	if api := (*tokens.APIError)(nil); !errors.As(err, &api) || api.Message != "Unauthenticated access is not supported for this identity pool." {
		t.Errorf("when the pool allows guests no more: %v", err)
	}
}

func TestWhoGetsNoCredentials(t *testing.T) {
	p := open(t, nil)
	elsewhere := cognitotest.New(cognitotest.User{Username: "ada"})
	elsewhere.SetNow(p.Now)
	otherClient := p.srv.AddClient("another", "")
	for _, tt := range []struct {
		name    string
		session *session.Session
		is      error // or nil for an error of its own
	}{
		{"nobody, where guests are not allowed", nil, session.ErrSignedOut},
		{"a session without an ID token", signedIn(p.srv, "ada", func(d *cognitotest.Draft) {
			if d.Use == tokens.ID {
				d.Claims = nil
			}
		}), tokens.ErrUnavailable},
		{"an empty session", new(session.Session), tokens.ErrUnavailable},
		{"a session of another user pool", signedIn(elsewhere, "ada"), nil},
		{"a session of another app client", signedIn(otherClient, "ada"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := p.pool.Credentials(t.Context(), tt.session)
			if err == nil || c != (identity.Credentials{}) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v, %v", c, err)
			}
			if _, err := p.pool.Provider(tt.session).Retrieve(t.Context()); err == nil {
				t.Error("the provider has credentials")
			}
		})
	}
	if p.calls() != [2]int{} {
		t.Errorf("the identity pool was asked: %v", p.calls())
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, body := range map[string]string{
		"no credentials":      `{"IdentityId":"eu-west-1:11111111-2222-4333-8444-555555555555"}`,
		"no secret":           `{"Credentials":{"AccessKeyId":"ASIA","Expiration":1900000000}}`,
		"no expiry":           `{"Credentials":{"AccessKeyId":"ASIA","SecretKey":"s"}}`,
		"expired credentials": `{"Credentials":{"AccessKeyId":"ASIA","SecretKey":"s","Expiration":1500000000}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, nil)
				s := signedIn(p.srv, "ada")
				p.srv.SetFault(func(op string) (f cognitotest.Fault) {
					if op == "GetCredentialsForIdentity" {
						f.Body, f.Status = body, 200
					}
					return f
				})
				if c, err := p.pool.Credentials(t.Context(), s); !errors.Is(err, tokens.ErrUnavailable) {
					t.Errorf("%v, %v", c, err)
				}
			})
		})
	}
}

// What is kept is bounded, and identities are kept longer than credentials.
func TestCachesAreBounded(t *testing.T) {
	p := open(t, nil)
	p.pool.SetLimits(3, 5)
	signIn := guard(p.srv)
	var sessions []*session.Session
	for i := range 8 {
		p.srv.SetUser(cognitotest.User{Username: fmt.Sprint("user", i)})
		sessions = append(sessions, signIn(fmt.Sprint("user", i)))
		if _, err := p.pool.Credentials(t.Context(), sessions[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := p.pool.Credentials(t.Context(), sessions[0]); err != nil { // used all the time
			t.Fatal(err)
		}
	}
	if credentials, identities := p.pool.Kept(); credentials != 3 || identities != 5 {
		t.Errorf("kept: %d credentials, %d identities", credentials, identities)
	}
	if p.calls() != [2]int{8, 8} {
		t.Errorf("the user of every second request was forgotten: %v", p.calls())
	}
	if _, err := p.pool.Credentials(t.Context(), sessions[4]); err != nil || p.calls() != [2]int{8, 9} {
		t.Errorf("an identity that is kept was asked for: %v, %v", err, p.calls())
	}
}

func TestRoleAndLoginsKey(t *testing.T) {
	p := open(t, func(o *identity.Options) { o.RoleARN = "arn:aws:iam::123456789012:role/editor" })
	viewer, err := restClient(p.srv, p.pool).whoami(session.NewContext(t.Context(), signedIn(p.srv, "ada")))
	if err != nil || viewer.RoleARN != "arn:aws:iam::123456789012:role/editor" {
		t.Errorf("%+v, %v", viewer, err)
	}
	p = open(t, func(o *identity.Options) { o.LoginsKey = "accounts.example.com" })
	_, err = p.pool.Credentials(t.Context(), signedIn(p.srv, "ada"))
	if api := (*tokens.APIError)(nil); !errors.As(err, &api) || !strings.Contains(api.Message, "providerName") {
		t.Errorf("with the key of another provider: %v", err)
	}
}

func TestNewPoolListsEveryFault(t *testing.T) {
	_, err := identity.NewPool(tokens.UserPool{}, &identity.Options{RoleARN: "editor", LoginsKey: "https://x", Endpoint: "example.com"})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, field := range []string{"ID: ", "ClientID: ", "IdentityPoolID: ", "RoleARN: ", "LoginsKey: ", "Endpoint: "} {
		if !strings.Contains("\n"+err.Error(), "\n"+field) && !strings.Contains(err.Error(), "NewPool: "+field) {
			t.Errorf("%s is missing in\n%v", field, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	p := open(t, nil)
	s := signedIn(p.srv, "ada")
	c, err := p.pool.Credentials(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "credentials", c)
	texts := fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, &c) + log.String()
	p.advance(time.Hour)
	p.srv.SetFault(func(string) cognitotest.Fault {
		return cognitotest.Fault{Code: "InvalidParameterException", Message: "Value '" + s.IDToken().Raw() + "' at 'logins' failed to satisfy constraint"}
	})
	_, err = p.pool.Credentials(t.Context(), s)
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
