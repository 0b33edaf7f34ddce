package cognitotest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
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
	// seconds, groups a []string, everything else strings and bools; a
	// json.RawMessage passes as it is.
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
		if err != nil {
			panic("cognitotest: RS256: " + err.Error())
		}
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
	p := s.pool
	now := p.time()
	p.mu.Lock()
	a := p.users[username]
	if a == nil {
		p.mu.Unlock()
		panic(fmt.Sprintf("cognitotest: Issue: no user %q", username))
	}
	start, refresh := p.signIn(a, s.clientID, now)
	access, id := p.drafts(start, now)
	p.mu.Unlock()

	for _, edit := range edits {
		if edit != nil {
			edit(access)
			edit(id)
		}
	}
	return &tokens.Set{Access: access.token(), ID: id.token(), Refresh: refresh}
}

// drafts are the tokens that the session gets now: same members as Cognito's,
// in each. Called with p.mu held.
func (p *pool) drafts(s *session, now time.Time) (access, id *Draft) {
	draft := func(use tokens.Use) *Draft {
		key := p.keys.of(use)
		d := &Draft{
			Use:    use,
			Header: map[string]any{"kid": key.kid, "alg": "RS256"},
			Claims: map[string]any{
				"sub":        s.user.Attributes["sub"],
				"iss":        p.issuer(),
				"origin_jti": s.originID,
				"event_id":   s.eventID,
				"token_use":  string(use),
				"auth_time":  s.authTime.Unix(),
				"exp":        now.Add(p.lifetime).Unix(),
				"iat":        now.Unix(),
				"jti":        newUUID(),
			},
			Sign: RS256(key.PrivateKey),
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

	id = draft(tokens.ID)
	id.Claims["aud"] = s.clientID
	id.Claims["cognito:username"] = s.user.Username
	for name, value := range s.user.Attributes {
		switch name {
		case "email_verified", "phone_number_verified":
			id.Claims[name] = value == "true" // booleans in tokens, strings elsewhere
		default:
			id.Claims[name] = value
		}
	}
	return access, id
}

// token is the draft signed, in the compact serialization (RFC 7515 §7.1).
func (d *Draft) token() string {
	part := func(v map[string]any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic("cognitotest: Issue: " + err.Error())
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := part(d.Header) + "." + part(d.Claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(d.Sign([]byte(input)))
}
