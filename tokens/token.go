package tokens

import (
	"encoding/base64"
	"encoding/json"
	"errors"
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

// Token is a verified token. It cannot be changed, so requests may share it. String
// and LogValue show whose token it is, and never the token itself.
type Token struct {
	use        Use
	issuer     string
	clientID   string
	audience   string
	subject    string
	username   string
	originID   string
	nonce      string
	groups     []string
	scopes     string
	issuedAt   time.Time
	expiresAt  time.Time
	authTime   time.Time
	raw        string
	signingKey *publicKey     // see Verifier.Trusted
	decoded    *decodedClaims // see ClaimsAs; nil if nobody has verified the token
}

// Use returns "token_use", the purpose of the token.
func (t *Token) Use() Use { return t.use }

// Issuer returns "iss" (RFC 7519 §4.1.1), one of the user pool's accepted issuers.
func (t *Token) Issuer() string { return t.issuer }

// ClientID returns the app client that the token was issued to: "client_id" of an
// access token, "aud" of an ID token.
func (t *Token) ClientID() string { return t.clientID }

// Audience returns "aud" (RFC 7519 §4.1.3): the app client of an ID token, or the
// resource server of an access token that was requested for one (RFC 8707). It is
// empty without the claim, and for an array, which Cognito never issues.
func (t *Token) Audience() string { return t.audience }

// Subject returns "sub" (RFC 7519 §4.1.2): the user's id, which never changes.
func (t *Token) Subject() string { return t.subject }

// Username returns "username" of an access token, or "cognito:username" of an ID
// token. It is empty in a token without a user, as the client credentials grant
// issues.
func (t *Token) Username() string { return t.username }

// IssuedAt returns "iat" (RFC 7519 §4.1.6), the zero time without it.
func (t *Token) IssuedAt() time.Time { return t.issuedAt }

// ExpiresAt returns "exp" (RFC 7519 §4.1.4).
func (t *Token) ExpiresAt() time.Time { return t.expiresAt }

// AuthTime returns "auth_time" (OpenID Connect Core §2): when the user signed in.
// It is the zero time without the claim.
func (t *Token) AuthTime() time.Time { return t.authTime }

// OriginID returns "origin_jti", the id of the sign-in that this token descends from.
// It is empty if the app client has token revocation switched off.
func (t *Token) OriginID() string { return t.originID }

// Nonce returns "nonce" of an ID token (OpenID Connect Core §2): the value that the
// authorization request sent. It is empty without the claim.
func (t *Token) Nonce() string { return t.nonce }

// DeviceKey returns "device_key" of an access token: the remembered device on which the
// user signed in. A refresh needs it; see [RefreshOptions]. It is empty without the claim.
// DeviceKey reads the token again at each call.
func (t *Token) DeviceKey() string {
	_, rest, _ := strings.Cut(t.raw, ".")
	part, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || t.use != Access {
		return ""
	}
	members, err := appendJSONMembers(nil, string(payload))
	if err != nil {
		return ""
	}
	for _, m := range members {
		if m.name == "device_key" && m.value[0] == '"' {
			key, _ := unquote(m.value)
			return key
		}
	}
	return ""
}

// Groups returns a copy of "cognito:groups", in the order of the token.
func (t *Token) Groups() []string { return slices.Clone(t.groups) }

// Scopes returns "scope" split at spaces (RFC 6749 §3.3). Only access tokens
// have scopes.
func (t *Token) Scopes() []string { return strings.Fields(t.scopes) }

// Raw returns the token as it was received. It is a credential: do not log it.
func (t *Token) Raw() string { return t.raw }

// Claims decodes the token's claims into v, like json.Unmarshal. Note that
// encoding/json ignores case when it matches names to fields. [ClaimsAs] does not, and
// remembers what it has decoded.
func (t *Token) Claims(v any) error {
	parts := strings.SplitN(t.raw, ".", 3)
	if len(parts) != 3 {
		return errors.New("tokens: claims of a token that was not verified")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fmt.Errorf("tokens: claims: %w", err)
	}
	return json.Unmarshal(payload, v)
}

// String shows the token's use, subject and expiry.
func (t Token) String() string {
	return fmt.Sprintf("%s token of %q, expires %s", t.use, t.subject, t.expiresAt.UTC().Format(time.RFC3339))
}

// GoString keeps %#v from printing the token.
func (t Token) GoString() string { return "tokens.Token{" + t.String() + "}" }

// LogValue shows the token's use, subject and expiry.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("use", string(t.use)),
		slog.String("sub", t.subject),
		slog.Time("exp", t.expiresAt))
}

// Set holds the tokens that Cognito issues at a sign-in or a refresh, not verified.
// ID and Refresh may be empty. A Set prints, logs and marshals without the tokens: it
// shows which are present.
type Set struct {
	Access  string
	ID      string
	Refresh string
}

// String says which tokens are present and shows none of them.
func (s Set) String() string {
	return fmt.Sprintf("tokens.Set{access: %t, id: %t, refresh: %t}", s.Access != "", s.ID != "", s.Refresh != "")
}

// GoString keeps %#v from printing the tokens.
func (s Set) GoString() string { return s.String() }

// MarshalJSON keeps encoding/json, and so a log in JSON, from printing the tokens. To
// store a Set, store its fields.
func (s Set) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
