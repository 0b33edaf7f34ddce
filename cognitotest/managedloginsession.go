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

	sessionLifetime = time.Hour // not prolonged by use
)

// browserSession is the managed login's own session: the browser that has its
// cookie is signed in for all app clients of the pool, without being asked.
type browserSession struct {
	user     *account
	provider string // empty for the pool's own users
	began    time.Time
}

// browser finds the session that v may use for a: one of the provider that a
// asks for, if it does. Called with p.mu held.
func (p *pool) browser(v *visit, a *authorization) *browserSession {
	for _, value := range v.cookies(sessionCookie) {
		s := p.browsers[value]
		if s == nil || !v.now.Before(s.began.Add(sessionLifetime)) || s.user.usable() != nil {
			continue
		}
		if a.params.Get("identity_provider") == "" || a.provider == s.provider {
			return s
		}
	}
	return nil
}

// remember begins a session and sends the browser back to the app. Called with
// p.mu held.
func (p *pool) remember(v *visit, a *authorization, user *account) *reply {
	p.forget(v)
	for value, s := range p.browsers { // long tests keep few
		if !v.now.Before(s.began.Add(sessionLifetime)) {
			delete(p.browsers, value)
		}
	}
	value := newUUID()
	p.browsers[value] = &browserSession{user, a.provider, v.now}
	r := redirect(p.grant(a, user, v.now, v.now))
	r.setCookie(p.cookie(v, sessionCookie, value, int(sessionLifetime/time.Second)))
	return r
}

// forget ends the browser's session. Called with p.mu held.
func (p *pool) forget(v *visit) {
	for _, value := range v.cookies(sessionCookie) {
		delete(p.browsers, value)
	}
}

// cookie makes a cookie for the managed login's pages, wherever they are. Called
// with p.mu held.
func (p *pool) cookie(v *visit, name, value string, maxAge int) *http.Cookie {
	base, err := url.Parse(p.loginBase())
	must(err)
	return &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     base.Path + "/",
		MaxAge:   maxAge,
		Secure:   v.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

func (r *reply) setCookie(c *http.Cookie) { r.header.Add("Set-Cookie", c.String()) }

// cookies lists the values of the cookies of that name: on localhost, other
// servers' may be among them.
func (v *visit) cookies(name string) (values []string) {
	r := http.Request{Header: v.header}
	for _, c := range r.CookiesNamed(name) {
		values = append(values, c.Value)
	}
	return values
}

// csrf is the token that the page's form sends back: the one of the browser's
// cookie, or a new one, which fresh says to set.
func (v *visit) csrf() (token string, fresh bool) {
	for _, value := range v.cookies(csrfCookie) {
		if value != "" {
			return value, false
		}
	}
	return newUUID(), true
}

// genuine reports whether a form came from a page of ours: it repeats what is in
// the cookie, which pages of other sites cannot read.
func (v *visit) genuine() bool {
	for _, value := range v.cookies(csrfCookie) {
		if value != "" && hmac.Equal([]byte(value), []byte(v.form.Get("_csrf"))) {
			return true
		}
	}
	return false
}
