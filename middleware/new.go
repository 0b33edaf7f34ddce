package middleware

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/internal/configerr"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// New returns an Auth for the configuration. Its error has a [*ConfigError] for
// every mistake, joined, each on a line that begins with the field's name. New makes
// no request, so that a program starts while Cognito is down.
func New(cfg Config) (*Auth, error) {
	var configErrors configerr.List
	cfg.Login.Scopes = slices.Clone(cfg.Login.Scopes) // the caller may change its slice later
	a := &Auth{cfg: cfg, readiness: new(readiness), watches: new(atomic.Bool)}
	a.configureBasePath(&configErrors)
	a.configureRoutesPath(&configErrors)
	a.configureOrigin(&configErrors)
	a.configureSessions(&configErrors)
	a.configureMatcher(&configErrors)
	a.configureAudience(&configErrors)
	a.configureSignIn(&configErrors)
	a.configureReturnParam(&configErrors)
	a.configureReturnOrigins(&configErrors)
	a.configureDefaults(&configErrors)
	if err := configErrors.Err(); err != nil {
		return nil, fmt.Errorf("cognitogate: the configuration is wrong:\n%w", err)
	}
	a.warnOfSignInElsewhere()
	a.warnOfReasonHeader()
	a.warnOfInsecureCookies()
	return a, nil
}

// configureRoutesPath checks RoutesPath.
func (a *Auth) configureRoutesPath(configErrors *configerr.List) {
	cfg := &a.cfg
	if cfg.RoutesPath == noRoutes {
		return
	}
	cfg.RoutesPath = strings.TrimSuffix(cfg.RoutesPath, "/")
	if !isLocalPath(cfg.RoutesPath) || !isPlain(&url.URL{Path: cfg.RoutesPath}) {
		configErrors.Add("RoutesPath", `%q is neither a path like "/api/auth" nor %q`, cfg.RoutesPath, noRoutes)
	}
}

// configureSessions makes the Manager. It shares the Client and the Verifier, which
// have hooks that session.Config does not know.
func (a *Auth) configureSessions(configErrors *configerr.List) {
	cfg := sessionConfig(&a.cfg)
	if a.cfg.UserPool.Validate() == nil {
		opts := tokensOptions(&a.cfg)
		var err error
		a.verifier, err = tokens.NewVerifier(a.cfg.UserPool, opts)
		configErrors.Join("UserPool", err)
		a.client, err = tokens.NewClient(a.cfg.UserPool, opts)
		configErrors.Join("UserPool", err)
		cfg.Verifier, cfg.Client = a.verifier, a.client
		cfg.HTTPClient = nil // both have it
	}
	var err error
	a.sessions, err = session.NewManager(cfg)
	configErrors.Join("", err)
}

// tokensOptions copies the fields that Config has in common with tokens.Options.
func tokensOptions(cfg *Config) *tokens.Options {
	return &tokens.Options{
		HTTPClient: cfg.HTTPClient,
		Now:        cfg.Now,
		Keys:       cfg.Keys,
		Leeway:     cfg.Leeway,
		Audience:   cfg.Audience,
		Logger:     cfg.Logger,
		Hooks:      cfg.Hooks.Tokens,
	}
}

// sessionConfig copies the fields that Config has in common with session.Config.
func sessionConfig(cfg *Config) session.Config {
	return session.Config{
		UserPool:   cfg.UserPool,
		HTTPClient: cfg.HTTPClient,
		Cookies:    cfg.Cookies,
		Layout:     cfg.Layout,
		Lifetime:   cfg.Lifetime,
		TakeOver:   cfg.TakeOver,

		AlwaysAskStore: cfg.AlwaysAskStore,
		RefreshBefore:  cfg.RefreshBefore,
		CacheBytes:     cfg.CacheBytes,
		Bearer:         cfg.Bearer,
		BearerClients:  cfg.BearerClients,
		BearerFrom:     cfg.BearerFrom,
		ClientAddress:  cfg.ClientAddress,
		Now:            cfg.Now,
		Logger:         cfg.Logger,
		Hooks:          cfg.Hooks.Session,
		Shared:         cfg.Shared,
		Secret:         cfg.Secret,
		OldSecrets:     cfg.OldSecrets,
	}
}

// configureSignIn sets where guards send signed-out users, and which paths Protect
// lets through so that they arrive.
func (a *Auth) configureSignIn(configErrors *configerr.List) {
	cfg := &a.cfg
	if cfg.SignIn == "" {
		cfg.SignIn = cfg.BasePath + "/sign-in"
		if cfg.usesRoutes() {
			cfg.SignIn = cfg.RoutesPath + "/sign-in"
		}
	}
	if cfg.usesRoutes() {
		a.exemptRoutes()
	}
	u, err := url.Parse(cfg.SignIn)
	switch {
	case err != nil || strings.Contains(cfg.SignIn, "#"):
		configErrors.Add("SignIn", `%q is not a path like "/sign-in"`, cfg.SignIn)
		return
	case isLocalPath(cfg.SignIn):
		a.exemptPath(u.Path)
		if served, ok := a.urlWithoutBasePath(u); ok && a.protects(&http.Request{URL: served}) {
			configErrors.Add("SignIn", "%q is not plain, without escapes, dot segments and the like, and so Protect would not let it through", cfg.SignIn)
		}
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || isInsecure(u, cfg):
		configErrors.Add("SignIn", `%q is neither a path like "/sign-in" nor an https URL`, cfg.SignIn)
	case u.Scheme+"://"+hostOf(u) == cfg.Origin:
		configErrors.Add("SignIn", "%q is on this site: give its path, which Protect lets through then", cfg.SignIn)
	case cfg.Origin == "":
		configErrors.Add("SignIn", "%q is on another site, which needs Origin to send users back", cfg.SignIn)
	}
	a.signIn, a.signInHome = u, cfg.SignIn
}

// configureReturnParam sets how the sign-in page learns where the user wanted to go.
func (a *Auth) configureReturnParam(configErrors *configerr.List) {
	cfg := &a.cfg
	if cfg.ReturnParam = cmp.Or(cfg.ReturnParam, "next"); cfg.ReturnParam == "-" {
		return
	}
	switch {
	case !paramName.MatchString(cfg.ReturnParam):
		configErrors.Add("ReturnParam", `%q is not a parameter's name like "next"`, cfg.ReturnParam)
	case a.signIn != nil && a.signIn.Query().Has(cfg.ReturnParam):
		configErrors.Add("ReturnParam", "%q is a parameter of SignIn already", cfg.ReturnParam)
	case cfg.usesRoutes() && slices.Contains(routeParams, cfg.ReturnParam):
		configErrors.Add("ReturnParam", "%q means something else to Routes", cfg.ReturnParam)
	}
	separator := "?"
	if strings.Contains(cfg.SignIn, "?") {
		separator = "&"
	}
	a.signInTo = cfg.SignIn + separator + cfg.ReturnParam + "="
	if a.signIn != nil && a.signIn.Host != "" {
		// Its own default is no page of this site.
		a.signInHome = a.signInTo + url.QueryEscape(cfg.Origin+cfg.AfterSignIn)
	}
}

// paramName allows no character that has a meaning in a query or a form.
var paramName = regexp.MustCompile(`^[A-Za-z0-9_.~-]{1,64}$`)

// configureDefaults sets the fields whose default depends on no other field.
func (a *Auth) configureDefaults(configErrors *configerr.List) {
	cfg := &a.cfg
	if !isLocalPath(cfg.AfterSignIn) {
		configErrors.Add("AfterSignIn", `%q is not a path like "/"`, cfg.AfterSignIn)
	}
	if !isLocalPath(cfg.AfterSignOut) {
		configErrors.Add("AfterSignOut", `%q is not a path like "/"`, cfg.AfterSignOut)
	}
	if cfg.ErrorHandler == nil {
		cfg.ErrorHandler = a.ServeError
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	a.loopLogs = newLoopLogs()
	a.redirectMarker, a.signInMarker = a.hostCookieName("redirected"), a.hostCookieName("signed-in")
}
