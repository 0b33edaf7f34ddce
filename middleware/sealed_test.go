package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

// sealed is a configuration of LayoutSealed.
func sealed(cfg *cognito.Config) { cfg.Layout, cfg.Secret = session.LayoutSealed, routesSecret }

// handle is a configuration of LayoutHandle.
func handle(cfg *cognito.Config) {
	cfg.Layout, cfg.Secret, cfg.Shared = session.LayoutHandle, routesSecret, storetest.NewMemory()
}

func TestSealedFindings(t *testing.T) {
	for name, test := range map[string]struct {
		cookies session.Cookies
		want    int
	}{
		"the host alone": {session.Cookies{Path: "/"}, 0},
		"a domain":       {session.Cookies{Domain: "example.com"}, 1},
		"a path":         {session.Cookies{Path: "/app"}, 1},
		"plain HTTP":     {session.Cookies{Insecure: true}, 1},
	} {
		for _, layout := range []func(*cognito.Config){sealed, handle} {
			auth := newAuth(t, layout, func(cfg *cognito.Config) { cfg.Cookies = test.cookies })
			n := 0
			for _, f := range auth.Findings() {
				if f.Source == "Layout" && f.Path == "" && strings.Contains(f.Msg, "plant") {
					n++
				}
			}
			if n != test.want {
				t.Errorf("%s: %v", name, auth.Findings())
			}
		}
	}
}

// TestStripCookiesOfOtherLayouts: a browser keeps Amplify's cookies after the layout has
// changed.
func TestStripCookiesOfOtherLayouts(t *testing.T) {
	for _, edit := range []func(*cognito.Config){sealed, func(*cognito.Config) {}} {
		env := newEnv(t, edit)
		client := env.server.UserPool().ClientID
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", strings.Join([]string{
			"theme=dark", "CognitoIdentityServiceProvider." + client + ".ada.refreshToken=a", "__Host-cognitogate.session." + client + ".AAAAAAAA.0=b",
			"__Secure-cognitogate.session." + client + ".AAAAAAAA=c", "cognitogate.session." + client + ".AAAAAAAA=d", "cognitogate.session." + client + "x.AAAAAAAA=e",
		}, "; "))
		if got := env.auth.StripCookies(r).Header.Get("Cookie"); got != "theme=dark; cognitogate.session."+client+"x.AAAAAAAA=e" {
			t.Errorf("left: %s", got)
		}
	}
}

// TestSealedSessionIsExplained: each reason names what to look at.
func TestSealedSessionIsExplained(t *testing.T) {
	env := newEnv(t, sealed)
	amplify := httptest.NewRequest("GET", "/", nil)
	env.server.SetSessions(session.Config{})
	env.server.SignIn(amplify, "ada")
	broken := httptest.NewRequest("GET", "/", nil)
	broken.Header.Set("Cookie", "__Host-cognitogate.session."+env.server.UserPool().ClientID+".AAAAAAAA=x")
	for want, r := range map[string]*http.Request{"LayoutSealed": amplify, "cannot be opened": broken} {
		_, err := env.auth.Sessions().Fetch(nil, r, nil)
		if text := env.auth.Sessions().Explain(r, err); !errors.Is(err, session.ErrSignedOut) || !strings.Contains(text, want) {
			t.Errorf("%v is explained as %q", err, text)
		}
	}
}

// TestSealedConfig: each mistake is reported once.
func TestSealedConfig(t *testing.T) {
	server := cognitotest.New()
	for name, cfg := range map[string]cognito.Config{
		"no secret":               {Layout: session.LayoutSealed},
		"no secret for Routes":    {Layout: session.LayoutSealed, Origin: origin},
		"another layout":          {Layout: "other"},
		"a lifetime of Amplify's": {Lifetime: session.Lifetime{Idle: time.Hour}},
		"no store":                {Layout: session.LayoutHandle, Secret: routesSecret},
		"no store to ask":         {AlwaysAskStore: true},
	} {
		cfg.UserPool = server.UserPool()
		_, err := cognito.New(cfg)
		if err == nil || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
