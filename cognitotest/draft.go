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

// Draft is a token that is about to be signed. An edit given to [Server.Issue]
// may change all of it, so that tests can make every token that Cognito would
// not:
//
//	srv.Issue("ada", func(d *cognitotest.Draft) { d.Claims["iss"] = "https://example.com" })
type Draft struct {
	// Use tells the access token from the ID token.
	Use tokens.Use

	// Header and Claims are what encoding/json makes of them. Times are int64
	// seconds, other numbers int64, groups a []string, everything else strings
	// and bools; a json.RawMessage passes as it is. Without Claims, that is nil,
	// the token is left out of the set.
	Header, Claims map[string]any

	// Sign returns the signature over header and payload, as they are joined
	// by a dot. It signs with RS256 and the pool's key for Use. Replace it to
	// sign with another key ([RS256]), with another algorithm, or not at all.
	Sign func(input []byte) []byte
}

// Expired is an edit that moves a token's times into the past, so that it
// expired an hour ago.
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

// Issue starts a new session of the user and returns its tokens, as a sign-in
// with s's app client would. A disabled user gets them too.
//
// Each edit is called for the access token, then for the ID token, before they
// are signed; nil is no edit. Tokens of later refreshes are not edited. Issue
// panics if there is no such user.
func (s *Server) Issue(username string, edits ...func(*Draft)) *tokens.Set {
	b := s.begin("Issue", username)
	b.apply(edits)
	return b.sign()
}

// beginning is a new session with its first tokens, not signed yet.
type beginning struct {
	access, id *Draft
	refresh    string
}

// begin starts a session for the method of that name.
func (s *Server) begin(method, username string) *beginning {
	p := s.pool
	now := p.time()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.users[username]
	if a == nil {
		panic(fmt.Sprintf("cognitotest: %s: no user %q", method, username))
	}
	start, refresh := p.signIn(a, s.clientID, now)
	access, id := p.drafts(start, now)
	return &beginning{access, id, refresh}
}

func (b *beginning) apply(edits []func(*Draft)) {
	for _, edit := range edits {
		if edit != nil {
			edit(b.access)
			edit(b.id)
		}
	}
}

func (b *beginning) sign() *tokens.Set {
	return &tokens.Set{Access: b.access.token(), ID: b.id.token(), Refresh: b.refresh}
}

// drafts are the tokens that a session gets now, with the members of Cognito's.
// Called with p.mu held.
func (p *pool) drafts(c *chain, now time.Time) (access, id *Draft) {
	draft := func(use tokens.Use) *Draft {
		key := p.keys.of(use)
		d := &Draft{
			Use:    use,
			Header: map[string]any{"kid": key.kid, "alg": "RS256"},
			Claims: map[string]any{
				"sub":        c.user.Attributes["sub"],
				"iss":        p.issuer(),
				"origin_jti": c.originID,
				"event_id":   c.eventID,
				"token_use":  string(use),
				"auth_time":  c.authTime.Unix(),
				"exp":        now.Add(p.lifetime).Unix(),
				"iat":        now.Unix(),
				"jti":        newUUID(),
			},
			Sign: RS256(key.PrivateKey),
		}
		if len(c.user.Groups) > 0 {
			d.Claims["cognito:groups"] = slices.Clone(c.user.Groups) // an edit may write to it
		}
		return d
	}
	access = draft(tokens.Access)
	access.Claims["client_id"] = c.clientID
	access.Claims["username"] = c.user.Username
	access.Claims["scope"] = adminScope
	if c.scopes != nil {
		access.Claims["scope"] = strings.Join(c.scopes, " ")
		access.Claims["version"] = int64(2)
	}

	id = draft(tokens.ID)
	if c.scopes != nil && !slices.Contains(c.scopes, "openid") {
		id.Claims = nil
		return access, id
	}
	id.Claims["aud"] = c.clientID
	id.Claims["cognito:username"] = c.user.Username
	for name, value := range c.user.Attributes {
		if !shows(c.scopes, name) {
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

// token is the draft signed, if there is to be one, in the compact serialization (RFC 7515 §7.1).
func (d *Draft) token() string {
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
