package session

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/cognitogate/cognitogate/internal/percent"
	"github.com/cognitogate/cognitogate/tokens"
)

// Session is a signed-in user: verified tokens of one sign-in. It is immutable and may
// be shared. A nil *Session is nobody's; every method may be called on it.
//
// With FetchOptions.AllowMachine a Session may be a program's, which has an access token
// with scopes and no user.
type Session struct {
	access  *tokens.Token
	id      *tokens.Token // nil if there is none
	details string        // Amplify's signInDetails, a JSON text, encoded as in the cookie
	user    User          // what User returns, if it was worked out when the session was cached
}

func newSession(access, id *tokens.Token, details string) *Session {
	return &Session{access: access, id: id, details: details}
}

// User identifies a signed-in user, like Amplify's getCurrentUser.
type User struct {
	ID       string // the "sub" claim, which never changes
	Username string // Cognito's name for the user

	// UnverifiedLoginID is what the user typed to sign in, if Amplify noted it. It
	// comes from a cookie that the browser can change: show it, decide nothing by it.
	UnverifiedLoginID string
}

// User returns the signed-in user, from the ID token or, without one, from the access
// token. Of a nil Session, and of a program's, it is the zero User.
func (s *Session) User() User {
	if !s.hasUser() {
		return User{}
	}
	if s.user.ID != "" {
		return s.user
	}
	u := User{ID: s.access.Subject(), Username: s.access.Username()}
	if s.id != nil && s.id.Username() != "" {
		u.Username = s.id.Username()
	}
	if text, ok := percent.Decode(s.details); ok && text != "" {
		var d struct {
			LoginID string `json:"loginId"`
		}
		// Any JSON may stand there, also one that Amplify's own reader fails on.
		if json.Unmarshal([]byte(text), &d) == nil {
			u.UnverifiedLoginID = d.LoginID
		}
	}
	return u
}

// hasUser reports whether the session is a user's and not a program's.
func (s *Session) hasUser() bool { return s != nil && s.access != nil && s.access.Username() != "" }

// AccessToken returns the session's access token; nil only on a nil Session.
func (s *Session) AccessToken() *tokens.Token {
	if s == nil {
		return nil
	}
	return s.access
}

// IDToken returns the session's ID token, or nil if none is valid.
func (s *Session) IDToken() *tokens.Token {
	if s == nil {
		return nil
	}
	return s.id
}

// ExpiresAt is when the access token expires. The next request then refreshes it.
func (s *Session) ExpiresAt() time.Time {
	if s == nil || s.access == nil {
		return time.Time{}
	}
	return s.access.ExpiresAt()
}

// InGroup reports whether the user is in at least one of the groups, by the access
// token's "cognito:groups". A change in the user pool is seen after the next refresh.
func (s *Session) InGroup(anyOf ...string) bool {
	if s == nil || s.access == nil {
		return false
	}
	groups := s.access.Groups()
	return slices.ContainsFunc(anyOf, func(g string) bool { return slices.Contains(groups, g) })
}

// HasScope reports whether the access token has all of the scopes. Without
// arguments it reports whether there is a session.
func (s *Session) HasScope(allOf ...string) bool {
	if s == nil {
		return false
	}
	var scopes []string
	if s.access != nil {
		scopes = s.access.Scopes()
	}
	for _, scope := range allOf {
		if !slices.Contains(scopes, scope) {
			return false
		}
	}
	return true
}

// String shows whose session it is and no token.
func (s *Session) String() string {
	if s == nil || s.access == nil {
		return "no session"
	}
	return "session of " + s.access.Subject()
}

// Format implements [fmt.Formatter], so that no verb prints the tokens, not even
// of a copy of the session.
func (s Session) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue shows whose session it is and no token.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }
