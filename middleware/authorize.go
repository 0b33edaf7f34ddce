package middleware

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

const (
	authorizeEndpoint = "/oauth2/authorize"
	signUpEndpoint    = "/signup"
)

func (a *Auth) serveSignIn(w http.ResponseWriter, r *http.Request) {
	a.redirectToLogin(w, r, authorizeEndpoint)
}

func (a *Auth) serveSignUp(w http.ResponseWriter, r *http.Request) {
	a.redirectToLogin(w, r, signUpEndpoint)
}

// redirectToLogin starts a flow and sends the browser to the managed login. A
// signed-in user is sent on instead, unless the link has a prompt: then the user
// wants to sign in anew, perhaps as another one. A session that cannot be told never
// stands in the way of a new one.
func (a *Auth) redirectToLogin(w http.ResponseWriter, r *http.Request, endpoint string) {
	q := r.URL.Query()
	if a.serveRefusedParams(w, r, q) || a.redirectToOrigin(w, r) {
		return
	}
	f := newFlow(a.ReturnTo(r))
	f.Silent = q.Get("prompt") == "none"
	recent, _ := parseRecent(q)
	var s *session.Session
	var err error
	if q.Get("prompt") == "" {
		s, err = a.sessions.Fetch(w, r, nil)
		if err == nil && (recent == 0 || a.isRecent(s, time.Duration(recent)*time.Second)) { // refreshed cookies stay on w
			redirect(w, r, f.ReturnPath)
			return
		}
	} else {
		s, err = a.sessions.Fetch(nil, r, nil)
	}
	switch {
	case recent > 0 && f.Silent:
		a.serveSilentError(w, r, f)
		return
	case recent > 0:
		q = f.askAnew(s, recent, q)
	}
	f.Repeated = a.isRepeatedSignIn(r, err)
	a.startFlow(w, r, f, endpoint, q)
}

// isRepeatedSignIn reports whether a browser without a session had one a minute ago.
// err is what Fetch has returned.
func (a *Auth) isRepeatedSignIn(r *http.Request, err error) bool {
	return errors.Is(err, session.ErrSignedOut) && a.signInMarkerOf(r) != ""
}

// startFlow writes the flow's cookie and sends the browser to the managed login, with
// the link's parameters in q.
func (a *Auth) startFlow(w http.ResponseWriter, r *http.Request, f *flow, endpoint string, q url.Values) {
	if a.cfg.Login.State != nil && !f.Anew { // then it has the state of the flow before
		if state := a.cfg.Login.State(r); state != "" {
			f.State += "-" + hexUTF16(state)
		}
	}
	if err := a.writeFlowCookie(w, r, f); err != nil {
		a.routes.notBegunLog.Do(func() {
			a.cfg.Logger.Error("cognitogate: a sign-in cannot begin", "look_at", "Login.State", "error", err)
		})
		a.callSignInFailed(w, r, FailureNotBegun, err)
		a.refuse(w, r, err)
		return
	}
	redirect(w, r, a.cfg.UserPool.LoginURL()+endpoint+"?"+a.authorizationParams(f, q).Encode())
}

// redirectToOrigin sends a request for another host of the site to Origin, because
// the cookies of a sign-in belong to one host. A proxy may hide the host from this
// server; then originParam stops the second redirect.
func (a *Auth) redirectToOrigin(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	if strings.EqualFold(r.Host, a.routes.origin.Host) || q.Has(originParam) {
		return false
	}
	q.Set(originParam, "1")
	w.Header().Set("Location", a.cfg.Origin+a.cfg.RoutesPath+"/"+path.Base(r.URL.Path)+"?"+q.Encode())
	w.WriteHeader(http.StatusFound)
	return true
}
