package middleware

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/matcher"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// New returns an Auth for the configuration, or an error that lists everything
// that is wrong with it, each line beginning with the field's name. It makes no
// request: a program starts while Cognito is down.
func New(cfg Config) (*Auth, error) {
	var wrong faults
	cfg.Login.Scopes = slices.Clone(cfg.Login.Scopes) // what the caller does with it later changes nothing
	a := &Auth{cfg: cfg, prefix: cookie.Prefix(cfg.UserPool.ClientID)}
	a.configureOrigin(&wrong)
	var err error
	a.sessions, err = a.newSessions()
	wrong.addErr(err, "")

	a.configureMatcher(&wrong)

	a.configureSignIn(&wrong)
	for _, after := range []struct {
		field string
		path  *string
	}{{"AfterSignIn", &a.cfg.AfterSignIn}, {"AfterSignOut", &a.cfg.AfterSignOut}} {
		if *after.path = cmp.Or(*after.path, "/"); !isLocal(*after.path) {
			wrong.add(after.field, `%q is not a path like "/"`, *after.path)
		}
	}
	if a.cfg.ErrorHandler == nil {
		a.cfg.ErrorHandler = a.ServeError
	}
	if a.cfg.Now == nil {
		a.cfg.Now = time.Now
	}
	if a.cfg.Logger == nil {
		a.cfg.Logger = slog.Default()
	}

	if err := wrong.err(); err != nil {
		return nil, err
	}
	if cfg.UserPool.ClientSecret != "" && cfg.Origin == "" {
		a.cfg.Logger.Warn("cognitogate: the app client has a secret and there is no Origin: Amplify in a browser cannot sign in with such a client")
	}
	return a, nil
}

const defaultRoutesPath = "/api/auth"

// configureMatcher compiles what is to be protected.
func (a *Auth) configureMatcher(wrong *faults) {
	paths := matcher.Paths(a.cfg.Matcher...)
	a.rules = slices.Concat(paths, a.cfg.Rules)
	switch {
	case a.cfg.Matcher == nil && a.cfg.Rules == nil:
		return
	case len(a.rules) == 0:
		wrong.add("Matcher", "is empty, which would protect nothing; leave it nil to protect every path")
		return
	}
	var err error
	if a.matcher, err = matcher.New(a.rules...); err == nil {
		return
	}
	_, err = matcher.New(paths...)
	wrong.addErr(err, "Matcher: ")
	_, err = matcher.New(a.cfg.Rules...)
	wrong.addErr(err, "Rules: ")
}

// configureOrigin sets what follows from an Origin.
func (a *Auth) configureOrigin(wrong *faults) {
	cfg := &a.cfg
	cfg.RoutesPath = strings.TrimSuffix(cmp.Or(cfg.RoutesPath, defaultRoutesPath), "/")
	if !isLocal(cfg.RoutesPath) || !plain(&url.URL{Path: cfg.RoutesPath}) {
		wrong.add("RoutesPath", `%q is not a path like "/api/auth"`, cfg.RoutesPath)
	}
	if cfg.Origin == "" {
		return
	}
	u, err := url.Parse(cfg.Origin)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.Scheme+"://"+u.Host != cfg.Origin ||
		strings.HasSuffix(u.Host, ":") || strings.ContainsFunc(u.Host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		wrong.add("Origin", `%q is not an origin like "https://app.example.com"`, cfg.Origin)
		return
	}
	cfg.Cookies.HTTPOnly = true
	if u.Scheme == "http" {
		// Browsers take localhost for secure, but not all of them store Secure
		// cookies from it over http.
		switch u.Hostname() {
		case "localhost", "127.0.0.1", "::1":
			cfg.Cookies.Insecure = true
		}
		if !cfg.Cookies.Insecure {
			wrong.add("Origin", "%q is not https, and Cookies.Insecure is not set", cfg.Origin)
		}
	}
	a.login, err = newLogin(cfg, u)
	wrong.addErr(err, "")
}

// configureSignIn sets where whoever is signed out is sent to, and what Protect lets
// through for it.
func (a *Auth) configureSignIn(wrong *faults) {
	cfg := &a.cfg
	if cfg.SignIn == "" {
		cfg.SignIn = "/sign-in"
		if cfg.Origin != "" {
			cfg.SignIn = cfg.RoutesPath + "/sign-in"
		}
	}
	var err error
	a.signIn, err = url.Parse(cfg.SignIn)
	switch {
	case err != nil || strings.Contains(cfg.SignIn, "#"):
		wrong.add("SignIn", `%q is not a path like "/sign-in"`, cfg.SignIn)
	case isLocal(cfg.SignIn):
		a.exempt = append(a.exempt, strings.TrimSuffix(a.signIn.Path, "/"))
		if a.protects(&http.Request{URL: a.signIn}) {
			wrong.add("SignIn", "%q is not plain, without escapes, dot segments and the like, and so Protect would not let it through", cfg.SignIn)
		}
	case a.signIn.Scheme != "https" || a.signIn.Host == "" || a.signIn.User != nil:
		wrong.add("SignIn", `%q is neither a path like "/sign-in" nor an https URL`, cfg.SignIn)
	case strings.EqualFold("https://"+a.signIn.Host, cfg.Origin):
		wrong.add("SignIn", "%q is on this site: give its path, which Protect lets through then", cfg.SignIn)
	case cfg.Origin == "":
		wrong.add("SignIn", "%q is on another site, which needs Origin to send users back", cfg.SignIn)
	}
	if cfg.Origin != "" {
		for slug := range routes {
			a.exempt = append(a.exempt, cfg.RoutesPath+"/"+slug)
		}
	}
	if cfg.ReturnParam = cmp.Or(cfg.ReturnParam, "next"); cfg.ReturnParam == "-" {
		return
	}
	switch {
	case !paramName.MatchString(cfg.ReturnParam):
		wrong.add("ReturnParam", `%q is not a parameter's name like "next"`, cfg.ReturnParam)
	case err == nil && a.signIn.Query().Has(cfg.ReturnParam):
		wrong.add("ReturnParam", "%q is a parameter of SignIn already", cfg.ReturnParam)
	case cfg.Origin != "" && slices.Contains(routeParams, cfg.ReturnParam):
		wrong.add("ReturnParam", "%q means something else to Routes", cfg.ReturnParam)
	}
	mark := "?"
	if strings.Contains(cfg.SignIn, "?") {
		mark = "&"
	}
	a.signInTo = cfg.SignIn + mark + cfg.ReturnParam + "="
}

// newSessions passes every setting on. The error has a line for each faulty field,
// the user pool's included.
func (a *Auth) newSessions() (*session.Manager, error) {
	cfg := session.Config{
		UserPool: a.cfg.UserPool, HTTPClient: a.cfg.HTTPClient,
		Cookies: a.cfg.Cookies, RefreshBefore: a.cfg.RefreshBefore, CacheBytes: a.cfg.CacheBytes, Bearer: a.cfg.Bearer,
		Now: a.cfg.Now, Logger: a.cfg.Logger, Hooks: a.cfg.Hooks.Session,
	}
	if a.cfg.UserPool.Validate() == nil {
		opts := &tokens.Options{HTTPClient: a.cfg.HTTPClient, Now: a.cfg.Now, Hooks: a.cfg.Hooks.Tokens}
		var err error
		if a.verifier, err = tokens.NewVerifier(a.cfg.UserPool, opts); err != nil {
			return nil, err
		}
		if a.client, err = tokens.NewClient(a.cfg.UserPool, opts); err != nil {
			return nil, err
		}
		cfg.Verifier, cfg.Client, cfg.HTTPClient = a.verifier, a.client, nil
	}
	return session.NewManager(cfg)
}

// routeParams are what the sign-in route reads beside ReturnParam.
var routeParams = []string{"provider", "lang", "login_hint", "prompt", "origin"}

// paramName keeps a parameter's name from being mistaken for anything else in a
// query or a form.
var paramName = regexp.MustCompile(`^[A-Za-z0-9_.~-]{1,64}$`)

// isLocal reports whether s is a path of this site, with or without a query, in
// every reading. One slash at the beginning makes it one (WHATWG URL §4.4), but
// browsers drop tabs and line breaks from a URL and take "\" for "/", so that
// "/\t/evil.example" and "/\evil.example" name other sites.
func isLocal(s string) bool {
	if s == "" || s[0] != '/' || len(s) > 1 && s[1] == '/' {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\\' || r == utf8.RuneError {
			return false
		}
	}
	return true
}
