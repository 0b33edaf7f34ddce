package middleware_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// TestTakeOverBehindGuard has a guarded page answer the first navigation after a change of
// the layout. Its handler throws the cookies in the header away, and they go out all the
// same. A script before it is refused and changes nothing, and so is a link of another site.
// Findings names the risk.
func TestTakeOverBehindGuard(t *testing.T) {
	for _, layout := range []func(*cognito.Config){sealed, handle} {
		env := newRoutesEnv(t, layout, func(cfg *cognito.Config) {
			cfg.TakeOver.Before = time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC)
		})
		env.handle("/careless", env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			clear(w.Header())
			s, _ := session.FromContext(r.Context())
			fmt.Fprint(w, s.User().Username)
		})))
		findings := 0
		for _, f := range env.auth.Findings() {
			if f.Source == "TakeOver" && strings.Contains(f.Msg, "2026-05-04T13:00:00Z") {
				findings++
			}
		}
		if findings != 1 {
			t.Errorf("findings %v", env.auth.Findings())
		}
		set, cookies := env.server.Issue("ada"), []*http.Cookie(nil)
		for name, value := range map[string]string{
			"LastAuthUser": "ada", "ada.accessToken": set.Access, "ada.idToken": set.ID, "ada.refreshToken": set.Refresh,
		} {
			cookies = append(cookies, &http.Cookie{Name: "CognitoIdentityServiceProvider." + env.server.UserPool().ClientID + "." + name, Value: value})
		}
		env.clock.advance(2 * time.Hour)
		for mode, want := range map[string]int{"cors": http.StatusUnauthorized, "navigate": http.StatusTemporaryRedirect} {
			r := scriptRequest("/careless")
			if mode == "navigate" {
				r = pageRequest("/careless")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
			}
			for _, c := range cookies {
				r.AddCookie(c)
			}
			if resp := env.do(r); resp.StatusCode != want || strings.Contains(fmt.Sprint(resp.Header["Set-Cookie"]), "takeover") {
				t.Errorf("%s: %d, %.200q", mode, resp.StatusCode, resp.Header["Set-Cookie"])
			}
		}
		resp := env.get("/careless", cookies...)
		written := make(map[string]bool)
		for _, c := range resp.Cookies() {
			written[c.Name] = written[c.Name] || c.MaxAge > 0
			if c.Name == "__Host-cognitogate.takeover."+env.server.UserPool().ClientID && (c.MaxAge != 400*24*60*60 || !c.HttpOnly || !c.Secure || c.Path != "/" || c.Domain != "") {
				t.Errorf("the marker: %s", c.Raw)
			}
		}
		next := []*http.Cookie{}
		for _, c := range resp.Cookies() {
			if c.MaxAge > 0 {
				next = append(next, c)
			}
		}
		for _, c := range cookies {
			if alive, named := written[c.Name]; alive || !named {
				t.Errorf("%s is not deleted", c.Name)
			}
		}
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "private, no-store" || len(next) < 2 {
			t.Errorf("%d, %v, %d cookies", resp.StatusCode, resp.Header["Cache-Control"], len(next))
		}
		if resp := env.get("/dashboard", next...); resp.StatusCode != http.StatusOK || len(resp.Cookies()) > 0 {
			t.Errorf("the next page: %d, %q", resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
}
