package middleware

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/cognitogate/cognitogate/session"
)

// routeParams are the query parameters that sign-in and sign-up read beside
// ReturnParam.
var routeParams = []string{"provider", "lang", "login_hint", "prompt", originParam}

// originParam marks a redirect to Origin.
const originParam = "origin"

func (a *Auth) serveSignIn(w http.ResponseWriter, r *http.Request) {
	a.redirectToLogin(w, r, "/oauth2/authorize")
}

func (a *Auth) serveSignUp(w http.ResponseWriter, r *http.Request) {
	a.redirectToLogin(w, r, "/signup")
}

// redirectToLogin starts a flow and sends the browser to the managed login. A
// signed-in user is sent on instead, unless the link has a prompt: then the user
// wants to sign in anew, perhaps as another one. A session that cannot be told never
// stands in the way of a new one.
func (a *Auth) redirectToLogin(w http.ResponseWriter, r *http.Request, endpoint string) {
	if a.redirectToOrigin(w, r) {
		return
	}
	q := r.URL.Query()
	returnPath := a.ReturnTo(r)
	var err error
	if q.Get("prompt") == "" {
		if _, err = a.sessions.Fetch(w, r, nil); err == nil { // refreshed cookies stay on w
			redirect(w, r, returnPath)
			return
		}
	} else {
		_, err = a.sessions.Fetch(nil, r, nil)
	}
	f := newFlow(returnPath)
	f.Repeated = errors.Is(err, session.ErrSignedOut) && a.signInMarker(r) != ""
	if a.cfg.Login.State != nil {
		if state := a.cfg.Login.State(r); state != "" {
			f.State += "-" + hexUTF16(state)
		}
	}
	if err = a.writeFlowCookie(w, r, f); err != nil {
		a.cfg.Logger.Error("cognitogate: a sign-in cannot begin", "error", err)
		a.callSignInFailed(r, FailureNotBegun, err)
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

// authorizationParams returns the parameters of the authorization request: those of
// RFC 6749 §4.1.1, RFC 7636 §4.3 and OpenID Connect Core §3.1.2.1, and Cognito's
// identity_provider.
func (a *Auth) authorizationParams(f *flow, q url.Values) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {a.cfg.UserPool.ClientID}, "redirect_uri": {a.routes.redirectURI},
		"state": {f.State}, "nonce": {f.Nonce},
		"code_challenge": {f.challenge()}, "code_challenge_method": {"S256"},
	}
	if len(a.cfg.Login.Scopes) > 0 {
		v.Set("scope", strings.Join(a.cfg.Login.Scopes, " "))
	}
	if p := q.Get("provider"); p != "" {
		if name, ok := cognitoProviders[strings.ToLower(p)]; ok {
			p = name
		}
		v.Set("identity_provider", p)
	}
	for _, name := range []string{"lang", "login_hint", "prompt"} {
		if value := q.Get(name); value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// cognitoProviders maps Amplify's names of identity providers to Cognito's.
var cognitoProviders = map[string]string{
	"google": "Google", "facebook": "Facebook", "amazon": "LoginWithAmazon", "apple": "SignInWithApple",
}
