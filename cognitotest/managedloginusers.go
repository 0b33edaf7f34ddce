package cognitotest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// fieldFault is what is wrong with one field of a form.
type fieldFault struct{ Field, Message string }

// signUp makes a user, as the sign-up page does. Nothing is sent to the e-mail
// address: it counts as verified. Called with p.mu held.
func (p *pool) signUp(username, email, password string) (*account, *fieldFault) {
	local, domain, _ := strings.Cut(email, "@")
	switch {
	case !validName(username):
		return nil, &fieldFault{"username", "A username has 1 to 128 characters and no spaces."}
	case p.login(username) != nil:
		return nil, &fieldFault{"username", "User already exists"}
	case !validName(email) || local == "" || !strings.Contains(strings.Trim(domain, "."), "."):
		return nil, &fieldFault{"email", "Invalid email address format."}
	case p.login(email) != nil:
		return nil, &fieldFault{"email", "An account with the given email already exists."}
	}
	if fault := passwordFault(password); fault != "" {
		return nil, &fieldFault{"password", "Password did not conform with policy: " + fault}
	}
	return p.setUser(User{Username: username, Password: password, Attributes: map[string]string{"email": email}}), nil
}

// federate finds the user whom an identity provider knows by that name, and
// makes one the first time, as Cognito does: named after the provider and in its
// group. Called with p.mu held.
func (p *pool) federate(provider, name string, now time.Time) (*account, *fieldFault) {
	if !validName(name) {
		return nil, &fieldFault{"name", "A name has 1 to 128 characters and no spaces."}
	}
	username := strings.ToLower(provider) + "_" + name
	if a := p.users[username]; a != nil {
		if a.Disabled {
			return nil, &fieldFault{"name", "User is disabled."}
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
		// Cognito takes no provider's word for it, unless it is told to.
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

// passwordFault is what Cognito's default password policy finds wrong.
func passwordFault(password string) string {
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
