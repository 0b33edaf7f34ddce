package cognitotest

import (
	"crypto/hmac"
	"net/http"
	"net/url"
	"time"
)

// Cookies of the managed login, by Cognito's names.
const (
	sessionCookie = "cognito"
	csrfCookie    = "XSRF-TOKEN"

	loginSessionLifetime = time.Hour // use does not extend it
)

// loginSession is the managed login's own session. A browser with its cookie is
// signed in for all app clients of the user pool, and sees no sign-in page.
type loginSession struct {
	user     *account
	provider string // empty for users of the user pool itself
	started  time.Time
}

// findLoginSession finds the browser's session for an authorization request, or
// nil. If the request names a provider, the session must be of that provider.
// Called with p.mu held.
func (p *userPool) findLoginSession(req *loginRequest, a *authorizationRequest) *loginSession {
	for _, value := range req.cookies(sessionCookie) {
		s := p.loginSessions[value]
		if s == nil || !req.now.Before(s.started.Add(loginSessionLifetime)) || s.user.checkUsable() != nil {
			continue
		}
		if a.params.Get("identity_provider") == "" || a.provider == s.provider {
			return s
		}
	}
	return nil
}

// startLoginSession starts a session and redirects the browser to the app, with a
// code. Called with p.mu held.
func (p *userPool) startLoginSession(req *loginRequest, a *authorizationRequest, user *account) *response {
	p.endLoginSession(req)
	for value, s := range p.loginSessions { // so that a long test keeps few
		if !req.now.Before(s.started.Add(loginSessionLifetime)) {
			delete(p.loginSessions, value)
		}
	}
	value := newUUID()
	p.loginSessions[value] = &loginSession{user, a.provider, req.now}
	r := redirect(p.grantCode(a, user, req.now, req.now))
	r.setCookie(p.cookie(req, sessionCookie, value, int(loginSessionLifetime/time.Second)))
	return r
}

// endLoginSession ends the browser's session. Called with p.mu held.
func (p *userPool) endLoginSession(req *loginRequest) {
	for _, value := range req.cookies(sessionCookie) {
		delete(p.loginSessions, value)
	}
}

// cookie makes a cookie for the managed login's pages. Called with p.mu held.
func (p *userPool) cookie(req *loginRequest, name, value string, maxAge int) *http.Cookie {
	base, err := url.Parse(p.loginBase())
	must(err)
	return &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     base.Path + "/",
		MaxAge:   maxAge,
		Secure:   req.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

func (r *response) setCookie(c *http.Cookie) { r.header.Add("Set-Cookie", c.String()) }

// cookies lists the values of all cookies of that name. On localhost some may be of
// other servers.
func (req *loginRequest) cookies(name string) (values []string) {
	r := http.Request{Header: req.header}
	for _, c := range r.CookiesNamed(name) {
		values = append(values, c.Value)
	}
	return values
}

// csrf is the token for the page's form: that of the browser's cookie or, if fresh,
// a new one, whose cookie is to be set.
func (req *loginRequest) csrf() (token string, fresh bool) {
	for _, value := range req.cookies(csrfCookie) {
		if value != "" {
			return value, false
		}
	}
	return newUUID(), true
}

// hasCSRFToken reports whether the form repeats the token of the browser's cookie.
// Pages of other sites cannot read that cookie, so they cannot forge the form.
func (req *loginRequest) hasCSRFToken() bool {
	for _, value := range req.cookies(csrfCookie) {
		if value != "" && hmac.Equal([]byte(value), []byte(req.form.Get("_csrf"))) {
			return true
		}
	}
	return false
}
