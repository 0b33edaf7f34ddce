package identity_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoolTest(t, nil)
		ada, bob := signedIn(p.server, "ada"), signedIn(p.server, "bob")
		first, err := p.identityPool.Credentials(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		p.server.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })

		if _, err := p.identityPool.Credentials(t.Context(), bob); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("without credentials: %v", err)
		}
		asked := p.calls()
		if _, err := p.identityPool.Credentials(t.Context(), bob); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("within a second: %v", err)
		}
		if p.calls() != asked {
			t.Error("asked again within a second")
		}

		for _, later := range []time.Duration{0, 52 * time.Minute, 59*time.Minute + 30*time.Second} {
			p.advance(later - p.Now().Sub(first.Expires.Add(-time.Hour)))
			got, err := p.identityPool.Credentials(t.Context(), ada)
			if err != nil || got != first {
				t.Errorf("cached credentials after %v: %v, %v", later, got, err)
			}
			synctest.Wait()
		}
		p.advance(time.Minute)
		if _, err := p.identityPool.Credentials(t.Context(), ada); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("when they have expired: %v", err)
		}

		p.server.SetFault(nil)
		p.advance(time.Second)
		if got, err := p.identityPool.Credentials(t.Context(), ada); err != nil || got == first {
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
				p := newPoolTest(t, nil)
				s := signedIn(p.server, "ada")
				n := 0
				p.server.SetFault(func(op string) (f cognitotest.Fault) {
					if op == "GetId" && n < len(tt.faults) {
						f = tt.faults[n]
						n++
					}
					return f
				})
				start := time.Now()
				_, err := p.identityPool.Credentials(t.Context(), s)
				if (err == nil) != tt.ok || err != nil && !errors.Is(err, tokens.ErrUnavailable) {
					t.Error(err)
				}
				if got := p.server.Calls("GetId"); got != tt.calls {
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
			p := newPoolTest(t, nil)
			s := signedIn(p.server, "ada")
			p.server.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Code: code} })
			_, err := p.identityPool.Credentials(t.Context(), s)
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

// TestRefusalIsOfOneToken checks that another session of the same user is not refused.
func TestRefusalIsOfOneToken(t *testing.T) {
	p := newPoolTest(t, nil)
	first, second := signedIn(p.server, "ada"), signedIn(p.server, "ada")
	p.server.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Code: "NotAuthorizedException"} })
	if _, err := p.identityPool.Credentials(t.Context(), first); err == nil {
		t.Fatal("not refused")
	}
	p.server.SetFault(nil)
	if _, err := p.identityPool.Credentials(t.Context(), second); err != nil {
		t.Errorf("the second session: %v", err)
	}
	if _, err := p.identityPool.Credentials(t.Context(), first); err != nil {
		t.Errorf("the first session, of the second's credentials: %v", err)
	}
}

// TestDeletedIdentity checks that GetId is called again after an identity was deleted.
func TestDeletedIdentity(t *testing.T) {
	p := newPoolTest(t, nil)
	s := signedIn(p.server, "ada")
	if _, err := p.identityPool.Credentials(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	p.advance(time.Hour)
	first := true
	p.server.SetFault(func(op string) (f cognitotest.Fault) {
		if first {
			f.Code, first = "ResourceNotFoundException", false
		}
		return f
	})
	if _, err := p.identityPool.Credentials(t.Context(), s); err != nil {
		t.Error(err)
	}
	if p.calls() != [2]int{2, 3} {
		t.Errorf("calls: %v", p.calls())
	}
}

func TestNoCredentials(t *testing.T) {
	p := newPoolTest(t, nil)
	other := cognitotest.New(cognitotest.User{Username: "ada"})
	other.SetNow(p.Now)
	otherClient := p.server.AddClient("another", "")
	for _, tt := range []struct {
		name    string
		session *session.Session
		is      error // or nil for an error of its own
	}{
		{"nobody, where guests are not allowed", nil, session.ErrSignedOut},
		{"a session without an ID token", signedIn(p.server, "ada", func(d *cognitotest.Draft) {
			if d.Use == tokens.ID {
				d.Claims = nil
			}
		}), tokens.ErrUnavailable},
		{"an empty session", new(session.Session), tokens.ErrUnavailable},
		{"a session of another user pool", signedIn(other, "ada"), nil},
		{"a session of another app client", signedIn(otherClient, "ada"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := p.identityPool.Credentials(t.Context(), tt.session)
			if err == nil || c != (identity.Credentials{}) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v, %v", c, err)
			}
			if _, err := p.identityPool.Provider(tt.session).Retrieve(t.Context()); err == nil {
				t.Error("the provider has credentials")
			}
		})
	}
	if p.calls() != [2]int{} {
		t.Errorf("the identity pool was asked: %v", p.calls())
	}
}

func TestUnusableAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"no credentials":      `{"IdentityId":"eu-west-1:11111111-2222-4333-8444-555555555555"}`,
		"no secret":           `{"Credentials":{"AccessKeyId":"ASIA","Expiration":1900000000}}`,
		"no expiry":           `{"Credentials":{"AccessKeyId":"ASIA","SecretKey":"s"}}`,
		"expired credentials": `{"Credentials":{"AccessKeyId":"ASIA","SecretKey":"s","Expiration":1500000000}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPoolTest(t, nil)
				s := signedIn(p.server, "ada")
				p.server.SetFault(func(op string) (f cognitotest.Fault) {
					if op == "GetCredentialsForIdentity" {
						f.Body, f.Status = body, 200
					}
					return f
				})
				if c, err := p.identityPool.Credentials(t.Context(), s); !errors.Is(err, tokens.ErrUnavailable) {
					t.Errorf("%v, %v", c, err)
				}
			})
		})
	}
}
