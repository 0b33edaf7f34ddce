package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// routes are the five routes of Amplify's createAuthRouteHandlers.
var routes map[string]func(*Auth, http.ResponseWriter, *http.Request)

func init() { // a way back is compared with the routes by one of them
	routes = map[string]func(*Auth, http.ResponseWriter, *http.Request){
		"sign-in":           (*Auth).serveSignIn,
		"sign-up":           (*Auth).serveSignUp,
		"sign-in-callback":  (*Auth).serveSignInCallback,
		"sign-out":          (*Auth).serveSignOut,
		"sign-out-callback": (*Auth).serveSignOutCallback,
	}
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
	if cfg.Origin != strings.ToLower(cfg.Origin) || origin.Port() == defaultPorts[origin.Scheme] {
		wrong.add("Origin", "%q is not what browsers make of it: lower case, without the default port", cfg.Origin)
	}
	if cfg.UserPool.Domain == "" && !strings.HasPrefix(cfg.SignIn, "https://") {
		wrong.add("UserPool.Domain", "is required with Origin: the host of the managed login")
	}
	if d := strings.ToLower(strings.TrimPrefix(cfg.Cookies.Domain, ".")); d != "" && d != origin.Hostname() {
		switch {
		case !strings.HasSuffix(origin.Hostname(), "."+d):
			wrong.add("Cookies.Domain", "%q does not hold the host of Origin", cfg.Cookies.Domain)
		case !strings.Contains(d, "."):
			wrong.add("Cookies.Domain", "%q is a whole top-level domain, for which browsers take no cookies", cfg.Cookies.Domain)
		}
	}
	l.seal(cfg, &wrong)
	l.redirects(cfg, &wrong)
	// RFC 6749 §3.3.
	for _, scope := range cfg.Login.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
			wrong.add("Login.Scopes", "%q is not a scope", scope)
		}
	}
	if len(cfg.Login.Scopes) > 0 && !slices.Contains(cfg.Login.Scopes, "openid") {
		wrong.add("Login.Scopes", `"openid" is missing, without which there is no ID token, and no sign-in can be verified`)
	}
	l.forgery = http.NewCrossOriginProtection()
	if err := l.forgery.AddTrustedOrigin(cfg.Origin); err != nil {
		wrong.addErr(err, "Origin: ")
	}
	return l, errors.Join(wrong...)
}

var defaultPorts = map[string]string{"https": "443", "http": "80"}

// seal makes the Sealer of flows. What is sealed for one app client is nothing to
// another that has the same secret.
func (l *login) seal(cfg *Config, wrong *faults) {
	short := false
	for _, s := range []struct {
		field   string
		secrets [][]byte
	}{{"Secret", [][]byte{cfg.Secret}}, {"OldSecrets", cfg.OldSecrets}} {
		if slices.ContainsFunc(s.secrets, func(secret []byte) bool { return len(secret) < seal.MinSecret }) {
			wrong.add(s.field, "needs at least %d random bytes, with Origin", seal.MinSecret)
			short = true
		}
	}
	if short {
		return
	}
	var err error
	l.flows, err = seal.New("sign-in flow "+cfg.UserPool.ID+" "+cfg.UserPool.ClientID, l.now,
		append([][]byte{cfg.Secret}, cfg.OldSecrets...)...)
	wrong.addErr(err, "Secret: ")
}

// redirects sets where the managed login sends browsers back to. It is never made
// of a request's Host or X-Forwarded headers, which anybody can write.
func (l *login) redirects(cfg *Config, wrong *faults) {
	const callback = "/sign-in-callback"
	l.redirectURI = cmp.Or(cfg.Login.RedirectURI, cfg.Origin+cfg.RoutesPath+callback)
	l.logoutURI = cmp.Or(cfg.Login.LogoutURI, cfg.Origin+cfg.RoutesPath+"/sign-out-callback")
	for _, to := range []struct{ field, uri string }{{"Login.RedirectURI", cfg.Login.RedirectURI}, {"Login.LogoutURI", cfg.Login.LogoutURI}} {
		u, err := url.Parse(to.uri)
		switch {
		case to.uri == "":
		case err != nil || u.Scheme+"://"+u.Host != cfg.Origin || u.User != nil || strings.Contains(to.uri, "#"):
			wrong.add(to.field, "%q is not a URL of Origin", to.uri)
		case to.field == "Login.RedirectURI" && strings.TrimSuffix(u.Path, "/") != cfg.RoutesPath+callback:
			// The code would arrive where nobody takes it.
			wrong.add(to.field, "%q is not RoutesPath with %q: mount Routes where it points", to.uri, callback)
		}
	}
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
// Routes panics without Origin or UserPool.Domain.
func (a *Auth) Routes() http.Handler {
	if a.login == nil {
		panic("cognitogate: Routes needs Config.Origin")
	}
	if a.cfg.UserPool.Domain == "" {
		panic("cognitogate: Routes needs Config.UserPool.Domain")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstorable(w.Header())
		dir, slug := path.Split(strings.TrimSuffix(r.URL.Path, "/"))
		// A StripPrefix leaves the end of RoutesPath, or nothing of it.
		serve, ok := routes[slug]
		if !ok || !strings.HasSuffix(a.cfg.RoutesPath, strings.TrimSuffix(dir, "/")) {
			http.NotFound(w, r)
			return
		}
		// A HEAD would begin or end something without anybody's seeing a page.
		if post := slug == "sign-out" && r.Method == http.MethodPost; r.Method != http.MethodGet && !post {
			allow := "GET"
			if slug == "sign-out" {
				allow += ", POST"
			}
			w.Header().Set("Allow", allow)
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
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

// begin sends the browser to the managed login. Who is signed in already is sent
// on, unless the link has a prompt, as one to sign in as somebody else does.
func (a *Auth) begin(w http.ResponseWriter, r *http.Request, endpoint string) {
	if a.elsewhere(w, r) {
		return
	}
	q := r.URL.Query()
	next := a.wayBack(r)
	var s *session.Session
	if q.Get("prompt") == "" {
		var err error
		s, err = a.sessions.Fetch(w, r, nil) // its refreshed cookies are on w, and stay there
		if errors.Is(err, tokens.ErrUnavailable) {
			a.refuse(w, r, err)
			return
		}
		if s != nil {
			a.redirect(w, r, next)
			return
		}
	} else {
		s, _ = a.sessions.Fetch(nil, r, nil)
	}
	f := newFlow(next)
	f.Again = s == nil && a.marker(r) != ""
	if a.cfg.Login.State != nil {
		if own := a.cfg.Login.State(r); own != "" {
			f.State += "-" + hexUTF16(own)
		}
	}
	if err := a.keepFlow(w, r, f); err != nil {
		a.cfg.Logger.Error("cognitogate: a sign-in cannot begin", "error", err)
		a.refuse(w, r, err)
		return
	}
	a.redirect(w, r, a.cfg.UserPool.LoginURL()+endpoint+"?"+a.authorization(f, q).Encode())
}

// wayBack is [Auth.ReturnTo] for a sign-in through the routes. A way back to one of
// them is none: it would have a link sign somebody in and out again. Neither is one
// with dot segments, which no browser leaves in a request: "/.//evil.example" is a
// path of this site, but a router that cleans it may redirect to "//evil.example".
func (a *Auth) wayBack(r *http.Request) string {
	to := a.ReturnTo(r)
	u, err := url.Parse(to)
	if err != nil {
		return a.cfg.AfterSignIn
	}
	dir, slug := path.Split(path.Clean(u.Path))
	if _, ok := routes[slug]; ok && dir == a.cfg.RoutesPath+"/" {
		return a.cfg.AfterSignIn
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return a.cfg.AfterSignIn
		}
	}
	return to
}

// redirect sends the browser on with a GET.
func (a *Auth) redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", asciiURL(to))
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusFound)
}

// asciiURL percent-encodes what has no place in a header: not all browsers read
// other bytes as UTF-8.
func asciiURL(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
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
