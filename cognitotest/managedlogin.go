package cognitotest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Login has an app client's settings for the managed login (hosted UI); see
// [Server.SetLogin]. A new Server has the zero Login, which is convenient for
// tests. Every field that is set makes the managed login as strict as Cognito's.
type Login struct {
	// RedirectURIs are the allowed callback URLs. Cognito compares them letter
	// by letter. Nil allows every https URL, and http on localhost, 127.0.0.1
	// and [::1]. An empty list allows none.
	RedirectURIs []string

	// LogoutURIs are the allowed sign-out URLs, with the rules of RedirectURIs.
	LogoutURIs []string

	// Scopes are the scopes that the app client may request. A request without
	// scopes gets all of them. Nil stands for Cognito's own: "openid", "email",
	// "phone", "profile" and "aws.cognito.signin.user.admin".
	Scopes []string

	// Providers are the names of external identity providers: "Google",
	// "EmulatorProvider", … The sign-in page offers them, and the parameter
	// identity_provider may name them. The emulated provider asks for a name only.
	// It signs in the user "<provider in lower case>_<name>", and adds this user
	// to the user pool the first time.
	Providers []string

	// RequirePKCE refuses authorization requests without a code challenge
	// (RFC 7636). Cognito has no such setting. With it, a test proves that the
	// code under test sends a challenge.
	RequirePKCE bool
}

// systemScopes are the scopes of every user pool.
var systemScopes = []string{"openid", "email", "phone", "profile", adminScope}

// SetLogin sets up the managed login for s's app client. It panics for a URL that
// Cognito would not register. Cognito wants absolute URLs without a fragment, and
// http for localhost, 127.0.0.1 and [::1] only.
func (s *Server) SetLogin(l Login) {
	for _, uri := range slices.Concat(l.RedirectURIs, l.LogoutURIs) {
		if !registrable(uri) {
			panic(fmt.Sprintf("cognitotest: SetLogin: %q is not a URL that Cognito would register", uri))
		}
	}
	l.RedirectURIs, l.LogoutURIs = slices.Clone(l.RedirectURIs), slices.Clone(l.LogoutURIs)
	l.Scopes, l.Providers = slices.Clone(l.Scopes), slices.Clone(l.Providers)
	p := s.userPool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loginSettings[s.clientID] = l
}

func (l Login) scopes() []string {
	if l.Scopes == nil {
		return systemScopes
	}
	return l.Scopes
}

// allows reports whether a callback or sign-out URL is allowed by the list from
// Login.
func allows(registered []string, uri string) bool {
	if registered != nil {
		return slices.Contains(registered, uri)
	}
	u, err := url.Parse(uri)
	return err == nil && registrable(uri) && (u.Scheme == "https" || u.Scheme == "http")
}

// registrable reports whether Cognito would register uri as a callback URL. An app
// may have a scheme of its own, such as "myapp://signed-in".
func registrable(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.Host == "" || strings.Contains(uri, "#") {
		return false
	}
	return u.Scheme != "http" || slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}

// Authorize signs a user in through the managed login, without a browser and
// without a password. authorizeURL is the URL that the app would send a browser to.
// Authorize returns the callback URL with the code and the state.
//
// If Cognito would redirect to the app with an error, such as an unknown scope,
// the returned URL has that error. If Cognito would show an error page, such as
// for an unknown app client or redirect_uri, Authorize returns an error.
//
// Edits change the tokens that the code is exchanged for, as in [Server.Issue].
// Authorize starts no login session, is not counted and meets no fault. It
// panics if there is no such user.
func (s *Server) Authorize(authorizeURL, username string, edits ...func(*Draft)) (redirect string, err error) {
	u, err := url.Parse(authorizeURL)
	if err != nil {
		return "", err
	}
	if path, ok := s.userPool.serves(u); !ok || loginRoutes[path].op != "Authorize" {
		return "", fmt.Errorf("cognitotest: %s is not the user pool's authorization endpoint", u.Redacted())
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", err
	}
	p := s.userPool
	now := p.time()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.users[username]
	if a == nil {
		panic(fmt.Sprintf("cognitotest: Authorize: no user %q", username))
	}
	authReq, oauthErr := p.parseAuthorization(query)
	switch {
	case authReq == nil:
		return "", fmt.Errorf("cognitotest: Authorize: %w", oauthErr)
	case oauthErr != nil:
		return authReq.errorURL(oauthErr), nil
	}
	if err := a.checkUsable(); err != nil {
		return "", fmt.Errorf("cognitotest: Authorize: %w", err)
	}
	return p.grantCode(authReq, a, now, now, edits...), nil
}
