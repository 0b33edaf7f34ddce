package cognitotest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// fieldError is an error about one field of a form.
type fieldError struct{ Field, Message string }

// signUp adds a user for the sign-up page. The e-mail address counts as verified,
// without a message to it. Called with p.mu held.
func (p *userPool) signUp(username, email, password string) (*account, *fieldError) {
	local, domain, _ := strings.Cut(email, "@")
	switch {
	case !validName(username):
		return nil, &fieldError{"username", "A username has 1 to 128 characters and no spaces."}
	case p.findUser(username) != nil:
		return nil, &fieldError{"username", "User already exists"}
	case !validName(email) || local == "" || !strings.Contains(strings.Trim(domain, "."), "."):
		return nil, &fieldError{"email", "Invalid email address format."}
	case p.findUser(email) != nil:
		return nil, &fieldError{"email", "An account with the given email already exists."}
	}
	if problem := passwordProblem(password); problem != "" {
		return nil, &fieldError{"password", "Password did not conform with policy: " + problem}
	}
	return p.setUser(User{Username: username, Password: password, Attributes: map[string]string{"email": email}}), nil
}

// federate finds the user that an identity provider knows by that name. The first
// time it adds one as Cognito does: named after the provider, and in the provider's
// group. Called with p.mu held.
func (p *userPool) federate(provider, name string, now time.Time) (*account, *fieldError) {
	if !validName(name) {
		return nil, &fieldError{"name", "A name has 1 to 128 characters and no spaces."}
	}
	username := strings.ToLower(provider) + "_" + name
	if a := p.users[username]; a != nil {
		if a.Disabled {
			return nil, &fieldError{"name", "User is disabled."}
		}
		return a, nil
	}
	identities, err := json.Marshal([]map[string]any{{
		"userId": name, "providerName": provider, "providerType": "OIDC",
		"issuer": nil, "primary": "true", "dateCreated": fmt.Sprint(now.UnixMilli()),
	}})
	must(err)
	u := User{
		Username:   username,
		Groups:     []string{p.id + "_" + provider},
		Attributes: map[string]string{"identities": string(identities)},
	}
	if strings.Contains(name, "@") {
		// By default Cognito does not believe a provider that an address is verified.
		u.Attributes["email"], u.Attributes["email_verified"] = name, "false"
	}
	return p.setUser(u), nil
}

// validName is Cognito's rule for usernames: letters, marks, symbols, numbers
// and punctuation.
func validName(s string) bool {
	if n := utf8.RuneCountInString(s); n < 1 || n > 128 || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P) {
			return false
		}
	}
	return true
}

// passwordProblem says how a password violates Cognito's default policy. It is
// empty for a good password.
func passwordProblem(password string) string {
	has := func(set string) bool { return strings.ContainsAny(password, set) }
	switch {
	case len(password) < 8:
		return "Password not long enough"
	case !has("abcdefghijklmnopqrstuvwxyz"):
		return "Password must have lowercase characters"
	case !has("ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
		return "Password must have uppercase characters"
	case !has("0123456789"):
		return "Password must have numeric characters"
	case !has("^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= "):
		return "Password must have symbol characters"
	}
	return ""
}
