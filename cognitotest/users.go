package cognitotest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
)

// User is a user of the pool. Only Username is required.
type User struct {
	// Username is the user's immutable name in the pool.
	Username string

	// Password is what InitiateAuth and the sign-in page ask for. A user
	// without one cannot sign in that way; Issue, SignIn and Authorize ask for
	// none.
	Password string

	// Groups become the claim "cognito:groups" of both tokens.
	Groups []string

	// Attributes are those of GetUser and the further claims of the ID token,
	// by their names in Cognito: "email", "custom:tier", … An email or phone
	// number is verified unless "email_verified" or "phone_number_verified" is
	// "false". "sub" is made from the username unless it is given.
	Attributes map[string]string

	// Disabled refuses the user's sign-ins, refreshes and GetUser.
	Disabled bool
}

// account is a User in the pool. Sessions keep a pointer to it, so that they
// see changes, and so that a user who was removed and made anew is another.
type account struct {
	User
	removed bool
}

// SetUser adds a user, or changes the one of that username. Sessions of the
// user go on, and their next tokens carry the new groups and attributes.
// SetUser panics if the username is empty.
func (s *Server) SetUser(u User) {
	if u.Username == "" {
		panic("cognitotest: SetUser: a user needs a Username")
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.setUser(u)
}

// setUser is SetUser. Called with p.mu held.
func (p *pool) setUser(u User) *account {
	u.Groups = slices.Clone(u.Groups)
	u.Attributes = maps.Clone(u.Attributes)
	if u.Attributes == nil {
		u.Attributes = make(map[string]string)
	}
	for _, name := range []string{"email", "phone_number"} {
		if u.Attributes[name] != "" && u.Attributes[name+"_verified"] == "" {
			u.Attributes[name+"_verified"] = "true"
		}
	}
	if u.Attributes["sub"] == "" {
		sum := sha256.Sum256([]byte("cognitotest user " + u.Username))
		u.Attributes["sub"] = formatUUID([16]byte(sum[:16]))
	}
	a := p.users[u.Username]
	if a == nil {
		a = new(account)
		p.users[u.Username] = a
	}
	a.User = u
	return a
}

// RemoveUser deletes a user, whose sessions are then refused with
// UserNotFoundException. Without such a user it does nothing.
func (s *Server) RemoveUser(username string) {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.users[username]; a != nil {
		a.removed = true
		delete(p.users, username)
	}
}

// login finds the user whom a sign-in form names: by username, or by the email
// address, which most pools accept as an alias. Called with p.mu held.
func (p *pool) login(name string) *account {
	if a := p.users[name]; a != nil {
		return a
	}
	for _, a := range p.users {
		if name != "" && a.Attributes["email"] == name {
			return a
		}
	}
	return nil
}

// usable reports why the user may do nothing; nil is nobody. Called with p.mu
// held.
func (a *account) usable() error {
	switch {
	case a == nil || a.removed:
		return refuse("UserNotFoundException", "User does not exist.")
	case a.Disabled:
		return refuse("NotAuthorizedException", "User is disabled.")
	}
	return nil
}

// checkSecret refuses requests that do not prove knowledge of the app client's
// secret by sending it. Called with p.mu held.
func (p *pool) checkSecret(clientID, sent, code string) error {
	secret, ok := p.clients[clientID]
	switch {
	case !ok:
		return refuse("ResourceNotFoundException", "User pool client %s does not exist.", clientID)
	case secret == "" && sent != "":
		return refuse(code, "Client %s is not configured for secret but secret was received", clientID)
	case !hmac.Equal([]byte(secret), []byte(sent)):
		return refuse(code, "Unable to verify secret hash for client %s", clientID)
	}
	return nil
}

// checkSecretHash is checkSecret for the older operations, which send a keyed
// hash instead: base64(HMAC-SHA256(secret, username + client id)). Called with
// p.mu held.
func (p *pool) checkSecretHash(clientID, username, sent string) error {
	secret := p.clients[clientID]
	if secret == "" {
		return p.checkSecret(clientID, sent, "NotAuthorizedException")
	}
	if sent == "" {
		return refuse("NotAuthorizedException", "Client %s is configured with secret but SECRET_HASH was not received", clientID)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(username + clientID))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(sent)) {
		return refuse("NotAuthorizedException", "Unable to verify secret hash for client %s", clientID)
	}
	return nil
}
