package tokens

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Use is a token's "token_use" claim: what it is for.
type Use string

// The uses of a user pool's tokens.
const (
	Access Use = "access" // authorizes; names scopes and groups
	ID     Use = "id"     // describes the user
)

// Token is a verified token. It is immutable and may be shared; its String
// and LogValue show whose it is and never the token itself.
type Token struct {
	Use      Use
	Issuer   string // "iss"
	ClientID string // "client_id" of an access token, "aud" of an ID token
	Subject  string // "sub": the user's id, which never changes
	Username string // "username" or "cognito:username"

	IssuedAt  time.Time // "iat"
	ExpiresAt time.Time // "exp"
	AuthTime  time.Time // "auth_time": when the user signed in
	OriginID  string    // "origin_jti": the sign-in that this token descends from; may be empty

	groups []string
	scopes string
	raw    string
	key    *publicKey // what signed it; see Verifier.Trusted
}

// Groups returns a copy of "cognito:groups", in the order of the token.
func (t *Token) Groups() []string { return slices.Clone(t.groups) }

// Scopes returns "scope" split at spaces (RFC 6749 §3.3). Only access tokens
// have scopes.
func (t *Token) Scopes() []string { return strings.Fields(t.scopes) }

// Raw returns the token as it was received. It is a credential: do not log it.
func (t *Token) Raw() string { return t.raw }

// Claims decodes the token's claims into v, like json.Unmarshal. Mind that
// encoding/json matches the names of members without regard to case.
func (t *Token) Claims(v any) error {
	parts := strings.SplitN(t.raw, ".", 3)
	if len(parts) != 3 {
		return fmt.Errorf("tokens: claims of a token that was not verified")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fmt.Errorf("tokens: claims: %w", err)
	}
	return json.Unmarshal(payload, v)
}

// String shows the token's use, subject and expiry.
func (t Token) String() string {
	return fmt.Sprintf("%s token of %q, expires %s", t.Use, t.Subject, t.ExpiresAt.UTC().Format(time.RFC3339))
}

// GoString keeps %#v from printing the token.
func (t Token) GoString() string { return "tokens.Token{" + t.String() + "}" }

// LogValue shows the token's use, subject and expiry.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("use", string(t.Use)),
		slog.String("sub", t.Subject),
		slog.Time("exp", t.ExpiresAt))
}

// Set is what Cognito issues at a sign-in or a refresh: the raw tokens, not yet
// verified. ID and Refresh may be empty. It prints, logs and marshals as which of
// them are there.
type Set struct {
	Access  string
	ID      string
	Refresh string
}

// String says which tokens are there and shows none of them.
func (s Set) String() string {
	return fmt.Sprintf("tokens.Set{access: %t, id: %t, refresh: %t}", s.Access != "", s.ID != "", s.Refresh != "")
}

// GoString keeps %#v from printing the tokens.
func (s Set) GoString() string { return s.String() }

// MarshalJSON keeps encoding/json from printing the tokens, for those who log in
// JSON. To keep a Set somewhere, name its fields.
func (s Set) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
