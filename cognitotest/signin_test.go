package cognitotest_test

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

func fetch(t *testing.T, server *cognitotest.Server, cookies string) (*session.Session, error) {
	t.Helper()
	m, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", cookies)
	return m.Fetch(httptest.NewRecorder(), r, nil)
}

func TestSignIn(t *testing.T) {
	odd := `Ødd "name";=(%),@example.com`
	server := cognitotest.New(ada, cognitotest.User{Username: odd})
	other := server.AddClient("2other", "s3cret")
	for _, c := range []struct {
		name     string
		server   *cognitotest.Server
		username string
		edits    []func(*cognitotest.Draft)
		calls    int
	}{
		{"a user", server, "ada", nil, 0},
		{"an odd username", server, odd, nil, 0},
		{"another app client", other, "ada", nil, 0},
		{"expired tokens", server, "ada", []func(*cognitotest.Draft){cognitotest.Expired}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := server.Calls("GetTokensFromRefreshToken")
			r := httptest.NewRequest("GET", "/", nil)
			set := c.server.SignIn(r, c.username, c.edits...)
			if !strings.Contains(r.Header.Get("Cookie"), "="+set.Access) || !strings.Contains(r.Header.Get("Cookie"), "="+set.ID) {
				t.Error("the cookies are not those of the tokens")
			}
			s, err := fetch(t, c.server, r.Header.Get("Cookie"))
			if err != nil || s.User().Username != c.username {
				t.Errorf("user %q, %v", s.User().Username, err)
			}
			if n := server.Calls("GetTokensFromRefreshToken") - before; n != c.calls {
				t.Errorf("%d refreshes, want %d", n, c.calls)
			}
		})
	}
}

func TestSignInForged(t *testing.T) {
	server := cognitotest.New(ada)
	r := httptest.NewRequest("GET", "/", nil)
	server.SignIn(r, "ada", func(d *cognitotest.Draft) {
		d.Claims["username"] = "eve"
		d.Sign = func([]byte) []byte { return []byte("forged") }
	})
	if s, err := fetch(t, server, r.Header.Get("Cookie")); err == nil {
		t.Errorf("a session of %q", s.User().Username)
	}
	if cookies := r.Header.Get("Cookie"); strings.Contains(cookies, ".eve.") || strings.Contains(cookies, "=eve;") { // random text may hold the name
		t.Error("cookies of another user")
	}
}

func TestSignInReplaces(t *testing.T) {
	server := cognitotest.New(ada, cognitotest.User{Username: "bob"})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "theme=dark;  odd")
	server.SignIn(r, "ada")
	server.SignIn(r, "bob")
	server.SignIn(r, "bob")
	header := r.Header.Get("Cookie")
	if !strings.HasPrefix(header, "theme=dark; odd; ") {
		t.Errorf("other cookies: %.40s", header)
	}
	for what, want := range map[string]int{".LastAuthUser=": 1, ".bob.accessToken=": 1, ".ada.accessToken=": 1} {
		if n := strings.Count(header, what); n != want {
			t.Errorf("%s comes %d times, want %d", url.QueryEscape(what), n, want)
		}
	}
	if s, err := fetch(t, server, header); err != nil || s.User().Username != "bob" {
		t.Errorf("user %q, %v", s.User().Username, err)
	}
}

// TestSignInWithoutIDToken: an edit can leave a token out of the set.
func TestSignInWithoutIDToken(t *testing.T) {
	server := cognitotest.New(ada)
	r := httptest.NewRequest("GET", "/", nil)
	set := server.SignIn(r, "ada", func(d *cognitotest.Draft) {
		if d.Use == tokens.ID {
			d.Claims = nil
		}
	})
	if n := strings.Count(r.Header.Get("Cookie"), "="); set.ID != "" || n != 3 {
		t.Errorf("ID token %q, %d cookies", set.ID, n)
	}
	if s, err := fetch(t, server, r.Header.Get("Cookie")); err != nil || s.IDToken() != nil {
		t.Errorf("%v, %v", s.IDToken(), err)
	}
}

// TestSignInMeetsNoFault: SignIn works with all settings and faults, and is not
// counted.
func TestSignInMeetsNoFault(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetNow(func() time.Time { return time.Unix(1790000000, 0) })
	server.SetLifetime(-time.Hour)
	server.SetURL("http://127.0.0.1:9")
	server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Drop: true} })
	server.AddKeys()
	r := httptest.NewRequest("GET", "/", nil)
	server.SignIn(r, "ada")
	if n := strings.Count(r.Header.Get("Cookie"), "="); n != 4 {
		t.Errorf("%d cookies, want 4", n)
	}
	if n := server.Calls("JWKS"); n != 0 {
		t.Errorf("%d fetches of the key set", n)
	}
}

// TestSignInInSynctest: time may be fake, and no socket is needed.
func TestSignInInSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := cognitotest.New(ada)
		server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Delay: time.Second} })
		r := httptest.NewRequest("GET", "/", nil)
		server.SignIn(r, "ada")
		<-time.After(61 * time.Minute)
		start := time.Now()
		s, err := fetch(t, server, r.Header.Get("Cookie"))
		if err != nil || s.User().Username != "ada" {
			t.Errorf("user %q, %v", s.User().Username, err)
		}
		// One fetch of the key set and one refresh, a second each.
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func TestSignInOnOtherLayouts(t *testing.T) {
	secret := bytes.Repeat([]byte("secret"), 6)
	for _, layout := range []session.Layout{session.LayoutSealed, session.LayoutHandle} {
		server := cognitotest.New(ada)
		cfg := session.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now, Layout: layout, Secret: secret,
			Lifetime: session.Lifetime{Absolute: 2 * time.Hour}}
		if layout == session.LayoutHandle {
			cfg.Shared = storetest.NewMemory()
		}
		server.SetSessions(cfg)
		m, err := session.NewManager(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			edits []func(*cognitotest.Draft)
			calls int
			err   error
		}{
			"a user":         {},
			"expired tokens": {[]func(*cognitotest.Draft){cognitotest.Expired}, 1, nil},
			"forged tokens":  {[]func(*cognitotest.Draft){func(d *cognitotest.Draft) { d.Claims["client_id"], d.Claims["aud"] = "other", "other" }}, 0, session.ErrSignedOut},
		} {
			before := server.Calls("GetTokensFromRefreshToken")
			r := httptest.NewRequest("GET", "/", nil)
			set := server.SignIn(r, "ada", c.edits...)
			if cookies := r.Header.Get("Cookie"); !strings.HasPrefix(cookies, "__Host-cognitogate.session.") || strings.Contains(cookies, set.Access[:12]) {
				t.Errorf("%s: cookies %.60s…", name, cookies)
			}
			s, err := m.Fetch(httptest.NewRecorder(), r, nil)
			if !errors.Is(err, c.err) || err == nil && s.User().Username != "ada" {
				t.Errorf("%s: %v, %v", name, s, err)
			}
			if n := server.Calls("GetTokensFromRefreshToken") - before; n != c.calls {
				t.Errorf("%s: %d refreshes, want %d", name, n, c.calls)
			}
		}
	}
}
