package cognitotest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Login is what an app client has set up for the managed login (hosted UI); see
// [Server.SetLogin]. The zero Login is that of a new Server, and convenient for
// tests; every field that is set makes it as strict as Cognito.
type Login struct {
	// RedirectURIs are the allowed callback URLs. Cognito compares them letter
	// by letter. Nil allows every https URL, and http on localhost, 127.0.0.1
	// and [::1]; an empty list allows none.
	RedirectURIs []string

	// LogoutURIs are the allowed sign-out URLs, with the rules of RedirectURIs.
	LogoutURIs []string

	// Scopes are those that the app client may ask for, and those it gets when
	// it asks for none. Nil are Cognito's own: "openid", "email", "phone",
	// "profile" and "aws.cognito.signin.user.admin".
	Scopes []string

	// Providers are the names of the external identity providers that the
	// sign-in page offers, and that the parameter identity_provider may name,
	// beside the pool's own users: "Google", "EmulatorProvider", … The emulated
	// provider asks for nothing but a name, and signs in the user
	// "<provider in lower case>_<name>", whom the first time makes.
	Providers []string

	// RequirePKCE refuses authorization requests without a code challenge
	// (RFC 7636). Cognito has no such setting; a test has, to prove that the
	// code under test sends one.
	RequirePKCE bool
}

// systemScopes are those that every user pool has.
var systemScopes = []string{"openid", "email", "phone", "profile", adminScope}

// SetLogin sets up the managed login for the app client that s is the pool seen
// through. It panics if a URL is one that Cognito would not register: it is
// absolute, without a fragment, and http is for localhost, 127.0.0.1 and [::1]
// only.
func (s *Server) SetLogin(l Login) {
	for _, uri := range slices.Concat(l.RedirectURIs, l.LogoutURIs) {
		if !registrable(uri) {
			panic(fmt.Sprintf("cognitotest: SetLogin: %q is not a URL that Cognito would register", uri))
		}
	}
	l.RedirectURIs, l.LogoutURIs = slices.Clone(l.RedirectURIs), slices.Clone(l.LogoutURIs)
	l.Scopes, l.Providers = slices.Clone(l.Scopes), slices.Clone(l.Providers)
	p := s.pool
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

// allows judges a callback or sign-out URL by the list that was set for it.
func allows(registered []string, uri string) bool {
	if registered != nil {
		return slices.Contains(registered, uri)
	}
	u, err := url.Parse(uri)
	return err == nil && registrable(uri) && (u.Scheme == "https" || u.Scheme == "http")
}

// registrable reports whether Cognito would take uri as a callback URL. Apps
// have schemes of their own, such as "myapp://signed-in".
func registrable(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.Host == "" || strings.Contains(uri, "#") {
		return false
	}
	return u.Scheme != "http" || slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}

// Authorize signs a user in through the managed login, as a browser would that
// goes to authorizeURL, without a browser and without a password: it returns the
// URL that the browser would be sent back to, with the code and the state. What
// Cognito answers with a redirect to the app, such as an unknown scope, is no
// error: then the URL carries the error. What Cognito answers with a page is an
// error: an unknown app client, a redirect_uri that is not registered.
//
// Edits change the tokens that the code is exchanged for, as in [Server.Issue].
// Authorize leaves no login session, is not counted and meets no fault. It
// panics if there is no such user.
func (s *Server) Authorize(authorizeURL, username string, edits ...func(*Draft)) (redirect string, err error) {
	u, err := url.Parse(authorizeURL)
	if err != nil {
		return "", err
	}
	if path, ok := s.pool.serves(u); !ok || loginRoutes[path].op != "Authorize" {
		return "", fmt.Errorf("cognitotest: %s is not the pool's authorization endpoint", u.Redacted())
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", err
	}
	p := s.pool
	now := p.time()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.users[username]
	if a == nil {
		panic(fmt.Sprintf("cognitotest: Authorize: no user %q", username))
	}
	req, refused := p.authorization(query)
	switch {
	case req == nil:
		return "", fmt.Errorf("cognitotest: Authorize: %w", refused)
	case refused != nil:
		return req.refuse(refused), nil
	}
	if err := a.usable(); err != nil {
		return "", fmt.Errorf("cognitotest: Authorize: %w", err)
	}
	return p.grant(req, a, now, now, edits...), nil
}
