package cognitotest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
)

// User is a user of the user pool. Only Username is required.
type User struct {
	// Username is the user's immutable name in the user pool.
	Username string

	// Password is for InitiateAuth and the sign-in page, which refuse a user
	// without one. Issue, SignIn and Authorize need none.
	Password string

	// Groups become the claim "cognito:groups" of both tokens.
	Groups []string

	// Attributes are returned by GetUser and become claims of the ID token. Their
	// names are Cognito's: "email", "custom:tier", … An email or phone number is
	// verified unless "email_verified" or "phone_number_verified" is "false".
	// "sub" defaults to a UUID made from the username.
	Attributes map[string]string

	// Disabled refuses the user's sign-ins, refreshes and GetUser.
	Disabled bool
}

// account is a User in the user pool. Sessions point to it, and so see its
// changes. A removed user who is added again gets a new account.
type account struct {
	User
	removed bool
}

// SetUser adds a user, or changes the user of that username. The user's sessions
// go on, and their next tokens carry the new groups and attributes. SetUser panics
// if the username is empty.
func (s *Server) SetUser(u User) {
	if u.Username == "" {
		panic("cognitotest: SetUser: a user needs a Username")
	}
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.setUser(u)
}

// setUser is SetUser. Called with p.mu held.
func (p *userPool) setUser(u User) *account {
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
// UserNotFoundException. It does nothing if there is no such user.
func (s *Server) RemoveUser(username string) {
	p := s.userPool
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.users[username]; a != nil {
		a.removed = true
		delete(p.users, username)
	}
}

// findUser finds the user that a sign-in form names: by username, or by email
// address, which most user pools accept as an alias. Called with p.mu held.
func (p *userPool) findUser(name string) *account {
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

// checkUsable returns Cognito's error for a user that is missing, removed or
// disabled. a may be nil. Called with p.mu held.
func (a *account) checkUsable() error {
	switch {
	case a == nil || a.removed:
		return apiErrorf("UserNotFoundException", "User does not exist.")
	case a.Disabled:
		return apiErrorf("NotAuthorizedException", "User is disabled.")
	}
	return nil
}

// checkSecret compares the secret that a request sent with the app client's. The
// error has the given code. Called with p.mu held.
func (p *userPool) checkSecret(clientID, sent, code string) error {
	secret, ok := p.clients[clientID]
	switch {
	case !ok:
		return apiErrorf("ResourceNotFoundException", "User pool client %s does not exist.", clientID)
	case secret == "" && sent != "":
		return apiErrorf(code, "Client %s is not configured for secret but secret was received", clientID)
	case !hmac.Equal([]byte(secret), []byte(sent)):
		return apiErrorf(code, "Unable to verify secret hash for client %s", clientID)
	}
	return nil
}

// checkSecretHash is checkSecret for the older operations. They send a keyed hash
// instead: base64(HMAC-SHA256(secret, username + client id)). Called with p.mu
// held.
func (p *userPool) checkSecretHash(clientID, username, sent string) error {
	secret := p.clients[clientID]
	if secret == "" {
		return p.checkSecret(clientID, sent, "NotAuthorizedException")
	}
	if sent == "" {
		return apiErrorf("NotAuthorizedException", "Client %s is configured with secret but SECRET_HASH was not received", clientID)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(username + clientID))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(sent)) {
		return apiErrorf("NotAuthorizedException", "Unable to verify secret hash for client %s", clientID)
	}
	return nil
}
