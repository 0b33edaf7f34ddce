package middleware

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/tokens"
)

// routes are the five routes of Amplify's createAuthRouteHandlers.
var routes = map[string]func(*Auth, http.ResponseWriter, *http.Request){
	"sign-in":           (*Auth).serveSignIn,
	"sign-up":           (*Auth).serveSignUp,
	"sign-in-callback":  (*Auth).serveSignInCallback,
	"sign-out":          (*Auth).serveSignOut,
	"sign-out-callback": (*Auth).serveSignOutCallback,
}

// login is the configuration of Routes, checked.
type login struct {
	origin      *url.URL
	redirectURI string
	logoutURI   string
	flows       *seal.Sealer
	forgery     *http.CrossOriginProtection
	now         func() time.Time
}

// newLogin checks what Routes needs, and reports all faults by field.
func newLogin(cfg *Config, origin *url.URL) (*login, error) {
	var wrong faults
	l := &login{origin: origin, now: cfg.Now}
	if l.now == nil {
		l.now = time.Now
	}
	if cfg.UserPool.Domain == "" && !strings.HasPrefix(cfg.SignIn, "https://") {
		wrong.add("UserPool.Domain", "is required with Origin: the host of the managed login")
	}
	if d := strings.ToLower(strings.TrimPrefix(cfg.Cookies.Domain, ".")); d != "" && d != origin.Hostname() && !strings.HasSuffix(origin.Hostname(), "."+d) {
		wrong.add("Cookies.Domain", "%q does not hold the host of Origin", cfg.Cookies.Domain)
	}
	short := false
	for _, secret := range append([][]byte{cfg.Secret}, cfg.OldSecrets...) {
		short = short || len(secret) < seal.MinSecret
	}
	if short {
		wrong.add("Secret", "and OldSecrets need at least %d random bytes each, with Origin", seal.MinSecret)
	} else {
		var err error
		if l.flows, err = seal.New("sign-in flow", l.now, append([][]byte{cfg.Secret}, cfg.OldSecrets...)...); err != nil {
			wrong.addErr(err, "Secret: ")
		}
	}
	l.redirectURI = cfg.Login.RedirectURI
	if l.redirectURI == "" {
		l.redirectURI = cfg.Origin + cfg.RoutesPath + "/sign-in-callback"
	}
	l.logoutURI = cfg.Login.LogoutURI
	if l.logoutURI == "" {
		l.logoutURI = cfg.Origin + cfg.RoutesPath + "/sign-out-callback"
	}
	for field, uri := range map[string]string{"Login.RedirectURI": l.redirectURI, "Login.LogoutURI": l.logoutURI} {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme+"://"+u.Host != cfg.Origin || u.Fragment != "" {
			wrong.add(field, "%q is not a URL of Origin", uri)
		}
	}
	for _, scope := range cfg.Login.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \"\\") {
			wrong.add("Login.Scopes", "%q is not a scope", scope)
		}
	}
	l.forgery = http.NewCrossOriginProtection()
	if err := l.forgery.AddTrustedOrigin(cfg.Origin); err != nil {
		wrong.addErr(err, "Origin: ")
	}
	return l, errors.Join(wrong...)
}

// Routes serves sign-in, sign-up, sign-in-callback, sign-out and sign-out-callback
// below RoutesPath, like Amplify's createAuthRouteHandlers. Mount it there:
//
//	router.Mount("/api/auth", auth.Routes())        // chi
//	mux.Handle("/api/auth/", auth.Routes())         // http.ServeMux
//
// Users sign in on the pool's managed login, with a state, a nonce and PKCE (RFC
// 6749, RFC 7636, OpenID Connect Core). A link to sign-in may carry the parameters
// provider, lang, login_hint, prompt and that of ReturnParam. Sign out with a
// form's POST; a GET from this site works too, as Amplify's does.
//
// Routes panics without Origin.
func (a *Auth) Routes() http.Handler {
	if a.login == nil {
		panic("cognitogate: Routes needs Config.Origin")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstorable(w.Header())
		dir, slug := path.Split(strings.TrimSuffix(r.URL.Path, "/"))
		// "/" is what a StripPrefix leaves of RoutesPath.
		serve, ok := routes[slug]
		if dir = strings.TrimSuffix(dir, "/"); !ok || dir != a.cfg.RoutesPath && dir != "" {
			http.NotFound(w, r)
			return
		}
		post := slug == "sign-out" && r.Method == http.MethodPost
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !post {
			allow := "GET, HEAD"
			if slug == "sign-out" {
				allow += ", POST"
			}
			w.Header().Set("Allow", allow)
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			unstorable(w.Header())
			return
		}
		if prefetch(r) {
			// A page that the user has not asked for yet must not begin or end
			// anything. Browsers ask again when the user does.
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		serve(a, w, r)
	})
}

// prefetch reports whether the browser asks ahead of the user (Sec-Purpose of the
// Fetch standard; Purpose and X-Moz are older names).
func prefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.Contains(strings.ToLower(r.Header.Get(name)), "prefetch") {
			return true
		}
	}
	return false
}

// elsewhere sends a request that came to another of the site's names to Origin: the
// cookies of a sign-in are of one host. The marker in the query keeps a proxy that
// hides the host from making a loop of it.
func (a *Auth) elsewhere(w http.ResponseWriter, r *http.Request) bool {
	const marker = "origin"
	q := r.URL.Query()
	if strings.EqualFold(r.Host, a.login.origin.Host) || q.Has(marker) {
		return false
	}
	q.Set(marker, "1")
	w.Header().Set("Location", a.cfg.Origin+a.cfg.RoutesPath+"/"+path.Base(r.URL.Path)+"?"+q.Encode())
	w.WriteHeader(http.StatusFound)
	return true
}

func (a *Auth) serveSignIn(w http.ResponseWriter, r *http.Request) {
	a.begin(w, r, "/oauth2/authorize")
}

func (a *Auth) serveSignUp(w http.ResponseWriter, r *http.Request) {
	a.begin(w, r, "/signup")
}

// begin sends the browser to the managed login.
func (a *Auth) begin(w http.ResponseWriter, r *http.Request, endpoint string) {
	if a.elsewhere(w, r) {
		return
	}
	q := r.URL.Query()
	if q.Get("prompt") == "" {
		s, err := a.sessions.Fetch(w, r, nil)
		if errors.Is(err, tokens.ErrUnavailable) {
			a.refuse(w, r, err)
			return
		}
		if s != nil {
			a.redirect(w, r, a.ReturnTo(r))
			return
		}
	}
	f := newFlow(a.ReturnTo(r))
	if a.cfg.Login.State != nil {
		if own := a.cfg.Login.State(r); own != "" {
			f.State += "-" + hexUTF16(own)
		}
	}
	if err := a.keepFlow(w, r, f); err != nil {
		a.refuse(w, r, err)
		return
	}
	a.redirect(w, r, a.cfg.UserPool.LoginURL()+endpoint+"?"+a.authorization(f, q).Encode())
}

// redirect sends the browser on with a GET.
func (a *Auth) redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", to)
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusFound)
}

// authorization are the parameters of the authorization request: those of RFC 6749
// §4.1.1, RFC 7636 §4.3 and OpenID Connect Core §3.1.2.1, and Cognito's
// identity_provider.
func (a *Auth) authorization(f *flow, q url.Values) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {a.cfg.UserPool.ClientID}, "redirect_uri": {a.login.redirectURI},
		"state": {f.State}, "nonce": {f.Nonce},
		"code_challenge": {f.challenge()}, "code_challenge_method": {"S256"},
	}
	if len(a.cfg.Login.Scopes) > 0 {
		v.Set("scope", strings.Join(a.cfg.Login.Scopes, " "))
	}
	if p := q.Get("provider"); p != "" {
		if name, ok := loginProviders[strings.ToLower(p)]; ok {
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

// loginProviders maps Amplify's names of identity providers to Cognito's.
var loginProviders = map[string]string{
	"google": "Google", "facebook": "Facebook", "amazon": "LoginWithAmazon", "apple": "SignInWithApple",
}
