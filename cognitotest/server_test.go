package cognitotest_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// ada is a user with everything that tokens contain.
var ada = cognitotest.User{
	Username:   "ada",
	Password:   "Analytical-1",
	Groups:     []string{"admins", "staff"},
	Attributes: map[string]string{"email": "ada@example.com", "custom:tier": "gold"},
}

// stopClock stops the clock. move moves it.
func stopClock(server *cognitotest.Server) (move func(time.Duration)) {
	now := time.Unix(1790000000, 0)
	server.SetNow(func() time.Time { return now })
	return func(d time.Duration) { now = now.Add(d) }
}

func TestUserPool(t *testing.T) {
	a, b := cognitotest.New(ada), cognitotest.New(ada)
	for _, server := range []*cognitotest.Server{a, b} {
		if err := server.UserPool().Validate(); err != nil {
			t.Error(err)
		}
	}
	pa, pb := a.UserPool(), b.UserPool()
	if pa.ID == pb.ID || pa.ClientID == pb.ClientID {
		t.Errorf("two pools share a name: %v, %v", pa.ID, pa.ClientID)
	}
	if want := "https://cognito-idp.eu-west-1.amazonaws.com/" + pa.ID; pa.IssuerURL() != want {
		t.Errorf("issuer %s, want %s", pa.IssuerURL(), want)
	}
	if _, ok := verifies(t, publishedKeys(t, a.Client(), pa.IssuerURL()), b.Issue("ada").Access); ok {
		t.Error("one pool's keys verify the other's token")
	}
}

func TestAddClient(t *testing.T) {
	server := cognitotest.New(ada)
	other := server.AddClient("2other", "s3cret")
	if p := other.UserPool(); p.ClientID != "2other" || p.ClientSecret != "s3cret" || p.ID != server.UserPool().ID {
		t.Errorf("pool %+v", p.ID)
	}
	set := other.Issue("ada")
	if _, claims := decodeToken(t, set.Access); claims["client_id"] != "2other" {
		t.Errorf("client_id %v", claims["client_id"])
	}
	if _, claims := decodeToken(t, set.ID); claims["aud"] != "2other" {
		t.Errorf("aud %v", claims["aud"])
	}
	if _, err := refresh(other, set.Refresh); err != nil {
		t.Error(err)
	}
	_, err := refresh(server, set.Refresh)
	wantAPIError(t, err, "NotAuthorizedException", "Invalid Refresh Token")
	if n := server.Calls("GetTokensFromRefreshToken"); n != 2 {
		t.Errorf("%d calls, want those of both app clients", n)
	}
}

func TestIssuers(t *testing.T) {
	server := cognitotest.New(ada)
	original := server.UserPool().IssuerURL()
	updated := strings.Replace(original, "https://", "https://issuer-", 1)
	issuer := func() any {
		_, claims := decodeToken(t, server.Issue("ada").ID)
		return claims["iss"]
	}
	if got := issuer(); got != original {
		t.Errorf("iss %v, want %s", got, original)
	}
	resp, err := server.Client().Get(updated + "/.well-known/jwks.json")
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("updated issuer of a pool that has not switched: %v, %v", resp, err)
	}
	server.SwitchIssuer()
	if got := issuer(); got != updated {
		t.Errorf("iss %v, want %s", got, updated)
	}
	for _, iss := range []string{original, updated} {
		if _, ok := verifies(t, publishedKeys(t, server.Client(), iss), server.Issue("ada").Access); !ok {
			t.Errorf("the keys of %s do not verify", iss)
		}
	}
	server.SetURL("http://127.0.0.1:9/emulator/")
	userPool := server.UserPool()
	if userPool.Endpoint != "http://127.0.0.1:9/emulator" || issuer() != userPool.IssuerURL() || userPool.Issuer != userPool.Endpoint+"/"+userPool.ID {
		t.Errorf("after SetURL: endpoint %s, issuer %s", userPool.Endpoint, userPool.Issuer)
	}
	publishedKeys(t, server.Client(), userPool.IssuerURL())
	server.SetURL("")
	if got := issuer(); got != updated {
		t.Errorf("iss %v, want AWS's again", got)
	}
}

func TestMistakesPanic(t *testing.T) {
	server := cognitotest.New(ada)
	for name, mistake := range map[string]func(){
		"a username twice":     func() { cognitotest.New(ada, ada) },
		"no username":          func() { server.SetUser(cognitotest.User{}) },
		"an unknown user":      func() { server.Issue("bob") },
		"a client twice":       func() { server.AddClient(server.UserPool().ClientID, "") },
		"a long grace":         func() { server.SetRotation(true, 61*time.Second) },
		"a relative URL":       func() { server.SetURL("/emulator") },
		"a claim not for JSON": func() { server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["f"] = t.Log }) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "cognitotest: ") {
					t.Errorf("panic %q, want one of this package", s)
				}
			}()
			mistake()
		})
	}
	server.Issue("ada") // and the lock is free
}

// TestConcurrentUse changes settings while the server serves, for the race detector.
func TestConcurrentUse(t *testing.T) {
	server := cognitotest.New(ada)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				set := server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["x"] = 1 })
				refresh(server, set.Refresh)
				getUser(server, set.Access)
				if resp, err := server.Client().Get(server.UserPool().KeySetURL()); err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	for i := range 6 {
		server.SetNow(func() time.Time { return time.Unix(1790000000+int64(i), 0) })
		server.SetNow(nil)
		server.SetLifetime(time.Minute)
		server.SetRefreshLifetime(time.Hour)
		server.SetRotation(i%2 == 0, time.Second)
		server.SetUser(ada)
		server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Drop: i%3 == 0} })
		server.AddKeys()
		server.DropOldKeys()
		server.RotateKeys()
		server.SwitchIssuer()
		server.SetURL("http://127.0.0.1:9")
		server.SetURL("")
		server.AddClient("2client"+string(rune('a'+i)), "").Issue("ada")
		server.Calls("GetUser")
		server.Now()
	}
	stop.Store(true)
	wg.Wait()
}
