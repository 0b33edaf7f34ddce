package cognitotest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// Draft is a token before it is signed. An edit given to [Server.Issue] may change
// all of it. Tests can thus make every token that Cognito would not:
//
//	server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["iss"] = "https://example.com" })
type Draft struct {
	// Use tells the access token from the ID token.
	Use tokens.Use

	// Header and Claims are marshalled by encoding/json. Times are int64 seconds,
	// other numbers int64, groups a []string, and all else strings and bools. An
	// edit may set a json.RawMessage. If Claims is nil, the token is left out of
	// the set.
	Header, Claims map[string]any

	// Sign returns the signature over header and payload, joined by a dot. It
	// signs with RS256 and the user pool's key for Use. An edit may replace it, to
	// sign with another key ([RS256]), with another algorithm, or not at all.
	Sign func(input []byte) []byte
}

// Expired is an edit that moves a token's times into the past: the token expired an
// hour ago.
func Expired(d *Draft) {
	by := d.Claims["exp"].(int64) - d.Claims["iat"].(int64) + 3600
	for _, name := range []string{"auth_time", "iat", "exp"} {
		d.Claims[name] = d.Claims[name].(int64) - by
	}
}

// RS256 returns a Sign that signs with key: RSASSA-PKCS1-v1_5 using SHA-256
// (RFC 7518 §3.3).
func RS256(key *rsa.PrivateKey) func(input []byte) []byte {
	return func(input []byte) []byte {
		digest := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		must(err)
		return signature
	}
}

// Device returns an edit that makes a sign-in one on a remembered device. Access tokens
// of the session name its key, and a refresh needs it. Keys look like
// "eu-west-1_11111111-2222-4333-8444-555555555555".
func Device(key string) func(*Draft) {
	return func(d *Draft) {
		if d.Use == tokens.Access {
			d.Claims["device_key"] = key
		}
	}
}

// Issue starts a new session of the user and returns its tokens, as a sign-in
// with s's app client would. A disabled user gets tokens too.
//
// Each edit is called for the access token, then for the ID token, before they
// are signed. A nil edit is skipped. Tokens of later refreshes are not edited.
// Issue panics if there is no such user.
func (s *Server) Issue(username string, edits ...func(*Draft)) *tokens.Set {
	drafts := s.draftSignIn("Issue", username)
	drafts.edit(edits)
	s.bindDevice(drafts)
	return drafts.sign()
}

// draftSet is a [tokens.Set] before it is signed.
type draftSet struct {
	access, id *Draft
	refresh    string
	session    *userSession
}

// draftSignIn starts a session of the user and drafts its first tokens. method is
// the name of the exported method, for its panic.
func (s *Server) draftSignIn(method, username string) *draftSet {
	p := s.userPool
	now := p.time()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.users[username]
	if a == nil {
		panic(fmt.Sprintf("cognitotest: %s: no user %q", method, username))
	}
	session, refresh := p.startSession(a, s.clientID, now)
	access, id := p.draftTokens(session, now)
	return &draftSet{access, id, refresh, session}
}

// bindDevice makes the session one of the device that an edit has named.
func (s *Server) bindDevice(d *draftSet) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	d.session.deviceKey, _ = d.access.Claims["device_key"].(string)
}

func (d *draftSet) edit(edits []func(*Draft)) {
	for _, edit := range edits {
		if edit != nil {
			edit(d.access)
			edit(d.id)
		}
	}
}

func (d *draftSet) sign() *tokens.Set {
	return &tokens.Set{Access: d.access.signedToken(), ID: d.id.signedToken(), Refresh: d.refresh}
}

// draftTokens drafts the tokens that a session gets now, with Cognito's members.
// Called with p.mu held.
func (p *userPool) draftTokens(s *userSession, now time.Time) (access, id *Draft) {
	draft := func(use tokens.Use) *Draft {
		key := p.keys.of(use)
		d := &Draft{
			Use:    use,
			Header: map[string]any{"kid": key.kid, "alg": "RS256"},
			Claims: map[string]any{
				"sub":       s.user.Attributes["sub"],
				"iss":       p.issuer(),
				"event_id":  s.eventID,
				"token_use": string(use),
				"auth_time": s.authTime.Unix(),
				"exp":       now.Add(p.lifetime).Unix(),
				"iat":       now.Unix(),
			},
			Sign: RS256(key.PrivateKey),
		}
		if !p.notRevocable[s.clientID] {
			d.Claims["origin_jti"], d.Claims["jti"] = s.originID, newUUID()
		}
		if len(s.user.Groups) > 0 {
			d.Claims["cognito:groups"] = slices.Clone(s.user.Groups) // an edit may write to it
		}
		return d
	}
	access = draft(tokens.Access)
	access.Claims["client_id"] = s.clientID
	access.Claims["username"] = s.user.Username
	access.Claims["scope"] = adminScope
	if s.deviceKey != "" {
		access.Claims["device_key"] = s.deviceKey
	}
	if s.scopes != nil {
		access.Claims["scope"] = strings.Join(s.scopes, " ")
		access.Claims["version"] = int64(2)
	}

	id = draft(tokens.ID)
	if s.scopes != nil && !slices.Contains(s.scopes, "openid") {
		id.Claims = nil
		return access, id
	}
	id.Claims["aud"] = s.clientID
	id.Claims["cognito:username"] = s.user.Username
	for name, value := range s.user.Attributes {
		if !inScope(s.scopes, name) {
			continue
		}
		switch name {
		case "identities": // a list in tokens, a string elsewhere
			if json.Valid([]byte(value)) {
				id.Claims[name] = json.RawMessage(value)
			}
		case "email_verified", "phone_number_verified":
			id.Claims[name] = value == "true" // booleans in tokens, strings elsewhere
		default:
			id.Claims[name] = value
		}
	}
	return access, id
}

// signedToken is the token in the compact serialization (RFC 7515 §7.1), or empty if
// the draft has no claims.
func (d *Draft) signedToken() string {
	if d.Claims == nil {
		return ""
	}
	part := func(v map[string]any) string {
		b, err := json.Marshal(v)
		must(err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := part(d.Header) + "." + part(d.Claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(d.Sign([]byte(input)))
}
