package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/configerr"
	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/session"
)

// routesSettings is what Routes needs beside Config.
type routesSettings struct {
	origin      *url.URL
	redirectURI string
	logoutURI   string
	flowSealer  *seal.Sealer
	crossOrigin *http.CrossOriginProtection
	now         func() time.Time

	events eventLog

	unopenedFlowLog, notBegunLog, tokenFaultLog rate.Sometimes // a line a minute each

	mu    sync.Mutex
	spent recent.Map[string, string] // return paths of flows whose callback has come, by state
}

// spend reports whether this is the first callback of a flow in this process. A program
// keeps a flow's cookie although the answer deletes it, and could have Cognito asked about
// any number of codes.
func (s *routesSettings) spend(f *flow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.spent.Has(f.State, now) {
		return false
	}
	returnPath := f.ReturnPath
	if len(returnPath) > maxSpentReturnPath {
		returnPath = ""
	}
	s.spent.Put(f.State, returnPath, now)
	return true
}

// returnPathOf returns where a flow was going whose callback this process has served, or
// "" if that is not remembered.
func (s *routesSettings) returnPathOf(state string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	returnPath, _ := s.spent.Get(state, s.now())
	return returnPath
}

// newRoutesSettings checks the fields that Routes reads.
func newRoutesSettings(cfg *Config, origin *url.URL, configErrors *configerr.List) *routesSettings {
	s := &routesSettings{origin: origin, now: cfg.Now, spent: recent.Map[string, string]{Keep: flowLifetime, Max: maxSpentFlows},
		unopenedFlowLog: rate.Sometimes{Interval: time.Minute},
		notBegunLog:     rate.Sometimes{Interval: time.Minute}, tokenFaultLog: rate.Sometimes{Interval: time.Minute}}
	if s.now == nil {
		s.now = time.Now
	}
	s.setRequired(cfg, configErrors)
	if p := cfg.Cookies.Path; p != "" && !cookie.PathMatches(p, cfg.RoutesPath+"/sign-out") {
		configErrors.Add("Cookies.Path", "%q does not hold RoutesPath: a sign-out would see no cookies", p)
	}
	s.setRedirectURIs(cfg, configErrors)
	for _, scope := range cfg.Login.Scopes {
		if !isScope(scope) {
			configErrors.Add("Login.Scopes", "%q is not a scope", scope)
		}
	}
	if len(cfg.Login.Scopes) > 0 && !slices.Contains(cfg.Login.Scopes, "openid") {
		configErrors.Add("Login.Scopes", `"openid" is missing, without which there is no ID token, and no sign-in can be verified`)
	}
	if resource := cfg.Login.Resource; resource != "" && !isResource(resource) {
		configErrors.Add("Login.Resource", "%q is not an absolute URI, without a fragment, that begins with https://, http://localhost or a scheme of your own", resource)
	}
	s.crossOrigin = http.NewCrossOriginProtection()
	configErrors.Join("Origin", s.crossOrigin.AddTrustedOrigin(cfg.Origin))
	return s
}

// setRequired checks the fields that Routes cannot do without. Their mistakes are reported
// beside that of a wrong Origin.
func (s *routesSettings) setRequired(cfg *Config, configErrors *configerr.List) {
	if cfg.UserPool.Domain == "" {
		configErrors.Add("UserPool.Domain", "is required with Origin, unless something else signs users in: the host of the managed login")
	}
	s.setFlowSealer(cfg, configErrors)
}

// isScope reports whether s is one scope (RFC 6749 §3.3).
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' })
}

// setFlowSealer makes the Sealer of flows. Its purpose names the app client, so that
// another app client with the same secret cannot open them.
func (s *routesSettings) setFlowSealer(cfg *Config, configErrors *configerr.List) {
	reported := cfg.Shared != nil || cfg.Layout == session.LayoutSealed || cfg.Layout == session.LayoutHandle // by session.NewManager
	check := func(field string, secret []byte) (ok bool) {
		err := seal.CheckSecret(secret)
		if err != nil && !reported {
			configErrors.Add(field, "%w, because Routes sign users in", err)
		}
		return err == nil
	}
	ok := check("Secret", cfg.Secret)
	for _, secret := range cfg.OldSecrets {
		ok = check("OldSecrets", secret) && ok
	}
	if !ok {
		return
	}
	var err error
	s.flowSealer, err = seal.New("sign-in flow "+cfg.UserPool.ID+" "+cfg.UserPool.ClientID, s.now,
		append([][]byte{cfg.Secret}, cfg.OldSecrets...)...)
	configErrors.Join("Secret", err)
}

// setRedirectURIs sets where the managed login sends browsers back to. The URIs never
// come from a request's Host or X-Forwarded headers, which anybody can write.
func (s *routesSettings) setRedirectURIs(cfg *Config, configErrors *configerr.List) {
	const callback = "/sign-in-callback"
	s.redirectURI = cmp.Or(cfg.Login.RedirectURI, cfg.Origin+cfg.RoutesPath+callback)
	s.logoutURI = cmp.Or(cfg.Login.LogoutURI, cfg.Origin+cfg.RoutesPath+"/sign-out-callback")
	if uri := cfg.Login.RedirectURI; uri != "" {
		u, ok := parseURIOf(cfg.Origin, uri)
		switch {
		case !ok:
			configErrors.Add("Login.RedirectURI", "%q is not a URL of Origin", uri)
		case strings.TrimSuffix(u.Path, "/") != cfg.RoutesPath+callback:
			// The code would arrive where no handler takes it.
			configErrors.Add("Login.RedirectURI", "%q is not RoutesPath with %q: mount Routes where it points", uri, callback)
		}
	}
	if uri := cfg.Login.LogoutURI; uri != "" {
		if _, ok := parseURIOf(cfg.Origin, uri); !ok {
			configErrors.Add("Login.LogoutURI", "%q is not a URL of Origin", uri)
		}
	}
}

// parseURIOf parses an absolute URI of an origin, without a fragment.
func parseURIOf(origin, uri string) (u *url.URL, ok bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme+"://"+u.Host != origin || u.User != nil || strings.Contains(uri, "#") {
		return nil, false
	}
	return u, true
}
