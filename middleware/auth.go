package middleware

import (
	"net/url"
	"regexp"
	"strings"

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
	a := &Auth{cfg: cfg, prefix: cookie.Prefix(cfg.UserPool.ClientID)}
	var err error
	a.sessions, err = a.newSessions()
	wrong.addErr(err, "")

	a.all = cfg.Matcher == nil && cfg.Rules == nil
	if !a.all && len(cfg.Matcher) == 0 && len(cfg.Rules) == 0 {
		wrong.add("Matcher", "is empty, which would protect nothing; leave it nil to protect every path")
	}
	if a.matcher, err = matcher.New(append(matcher.Paths(cfg.Matcher...), cfg.Rules...)...); err != nil {
		wrong.addErr(err, "Matcher: ")
	}

	if a.cfg.SignIn == "" {
		a.cfg.SignIn = "/sign-in"
	}
	if a.signIn, err = url.Parse(a.cfg.SignIn); err != nil || !isLocal(a.cfg.SignIn) || a.signIn.Fragment != "" {
		wrong.add("SignIn", `%q is not a path like "/sign-in"`, cfg.SignIn)
	}
	if a.signIn != nil {
		a.exempt = strings.TrimSuffix(a.signIn.Path, "/")
	}
	if a.cfg.ReturnParam == "" {
		a.cfg.ReturnParam = "next"
	}
	if a.cfg.ReturnParam != "-" && !paramName.MatchString(a.cfg.ReturnParam) {
		wrong.add("ReturnParam", `%q is not a parameter's name like "next"`, cfg.ReturnParam)
	}
	if a.cfg.AfterSignIn == "" {
		a.cfg.AfterSignIn = "/"
	}
	if !isLocal(a.cfg.AfterSignIn) {
		wrong.add("AfterSignIn", `%q is not a path like "/"`, cfg.AfterSignIn)
	}
	if a.cfg.ErrorHandler == nil {
		a.cfg.ErrorHandler = a.ServeError
	}

	if err := wrong.err(); err != nil {
		return nil, err
	}
	return a, nil
}

// newSessions passes every setting on. The error has a line for each faulty field,
// the user pool's included.
func (a *Auth) newSessions() (*session.Manager, error) {
	cfg := session.Config{
		UserPool: a.cfg.UserPool, HTTPClient: a.cfg.HTTPClient,
		Cookies: a.cfg.Cookies, RefreshBefore: a.cfg.RefreshBefore, Bearer: a.cfg.Bearer,
		Now: a.cfg.Now, Logger: a.cfg.Logger, Hooks: a.cfg.Hooks.Session,
	}
	if a.cfg.UserPool.Validate() == nil {
		opts := &tokens.Options{HTTPClient: a.cfg.HTTPClient, Now: a.cfg.Now, Hooks: a.cfg.Hooks.Tokens}
		var err error
		if cfg.Verifier, err = tokens.NewVerifier(a.cfg.UserPool, opts); err != nil {
			return nil, err
		}
		if cfg.Client, err = tokens.NewClient(a.cfg.UserPool, opts); err != nil {
			return nil, err
		}
	}
	return session.NewManager(cfg)
}

// paramName keeps a parameter's name from being mistaken for anything else in a
// query or a form.
var paramName = regexp.MustCompile(`^[A-Za-z0-9_.~-]{1,64}$`)

// isLocal reports whether s is a path of this site, with or without a query, in
// every reading. Browsers drop tabs and line breaks from a URL and take "\" for
// "/", so that "/\t/evil.example" and "/\evil.example" name other sites (WHATWG
// URL §4.4).
func isLocal(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.Contains(s, `\`) {
		return false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && u.Opaque == ""
}
