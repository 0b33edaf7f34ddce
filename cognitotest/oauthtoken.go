package cognitotest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// oauth makes r an answer of an endpoint of RFC 6749.
func (r *reply) oauth() *reply {
	r.contentType = "application/json;charset=UTF-8"
	r.header = http.Header{"Cache-Control": {noStore}, "Pragma": {"no-cache"}}
	return r
}

// tokenEndpoint is the token endpoint (RFC 6749 §3.2).
func (p *pool) tokenEndpoint(v *visit) *reply {
	b, lifetime, refused := p.redeem(v)
	if refused != nil {
		// Cognito says 400 for invalid_client too.
		return refused.reply(http.StatusBadRequest)
	}
	var out struct {
		ID        string `json:"id_token,omitempty"`
		Access    string `json:"access_token"`
		Refresh   string `json:"refresh_token,omitempty"`
		ExpiresIn int64  `json:"expires_in"`
		Type      string `json:"token_type"`
	}
	// Signed without p.mu: it takes time.
	out.Access = b.access.token()
	if b.id.Claims != nil {
		if _, edited := b.id.Claims["at_hash"]; !edited && out.Access != "" {
			b.id.Claims["at_hash"] = halfHash(out.Access)
		}
		out.ID = b.id.token()
	}
	out.Refresh, out.ExpiresIn, out.Type = b.refresh, int64(lifetime/time.Second), "Bearer"
	return jsonReply(http.StatusOK, out).oauth()
}

// halfHash is the "at_hash" of an access token (OpenID Connect Core §3.1.3.6).
func halfHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// redeem judges a request for tokens and makes their drafts.
func (p *pool) redeem(v *visit) (*beginning, time.Duration, *oauthError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clientID, refused := p.authenticate(v)
	if refused != nil {
		return nil, 0, refused
	}
	var b *beginning
	switch v.form.Get("grant_type") {
	case "authorization_code":
		b, refused = p.redeemCode(v, clientID)
	case "refresh_token":
		b, refused = p.redeemRefresh(v, clientID)
	case "":
		refused = &oauthError{"invalid_request", ""}
	case "client_credentials":
		refused = &oauthError{"unauthorized_client", ""} // needs scopes of a resource server
	default:
		refused = &oauthError{"unsupported_grant_type", ""}
	}
	return b, p.lifetime, refused
}

// authenticate finds the app client that sent v (RFC 6749 §2.3.1): by Basic if it
// has a secret, or in the form. Called with p.mu held.
func (p *pool) authenticate(v *visit) (clientID string, refused *oauthError) {
	if v.faulty {
		return "", &oauthError{"invalid_request", ""}
	}
	for _, values := range v.form {
		if len(values) > 1 {
			return "", &oauthError{"invalid_request", ""}
		}
	}
	invalid := &oauthError{"invalid_client", ""}
	clientID, sent := v.form.Get("client_id"), v.form.Get("client_secret")
	if v.header.Get("Authorization") != "" {
		user, password, ok := (&http.Request{Header: v.header}).BasicAuth()
		id, err := url.QueryUnescape(user)
		if !ok || err != nil || clientID != "" && clientID != id || v.form.Has("client_secret") {
			return "", invalid
		}
		if sent, err = url.QueryUnescape(password); err != nil || sent == "" {
			return "", invalid // also a public client, which has nothing to prove
		}
		clientID = id
	}
	if clientID == "" {
		return "", &oauthError{"invalid_request", ""}
	}
	secret, known := p.clients[clientID]
	if !known || !hmac.Equal([]byte(secret), []byte(sent)) {
		return "", invalid
	}
	return clientID, nil
}

// redeemCode exchanges an authorization code. Called with p.mu held.
func (p *pool) redeemCode(v *visit, clientID string) (*beginning, *oauthError) {
	value, redirectURI, verifier := v.form.Get("code"), v.form.Get("redirect_uri"), v.form.Get("code_verifier")
	invalid := &oauthError{"invalid_grant", ""}
	switch {
	case value == "" || redirectURI == "":
		return nil, &oauthError{"invalid_request", ""}
	case !allows(p.loginSettings[clientID].RedirectURIs, redirectURI):
		return nil, &oauthError{"unauthorized_client", ""}
	}
	c := p.codes[value]
	if c == nil || c.clientID != clientID {
		return nil, invalid
	}
	// One attempt, whatever comes of it: nobody may guess verifiers.
	delete(p.codes, value)
	if !v.now.Before(c.expires) || c.redirectURI != redirectURI || c.user.usable() != nil || !c.provenBy(verifier) {
		return nil, invalid
	}
	start, refresh := p.signIn(c.user, clientID, v.now)
	start.authTime, start.scopes = c.authTime, c.scopes
	access, id := p.drafts(start, v.now)
	if id.Claims != nil && c.nonce != "" {
		id.Claims["nonce"] = c.nonce
	}
	for _, edit := range c.edits {
		if edit == nil {
			continue
		}
		edit(access)
		if c.openID() { // else there is no ID token to edit
			edit(id)
		}
	}
	return &beginning{access, id, refresh}, nil
}

// provenBy checks a code verifier (RFC 7636 §4.6). A verifier without a challenge
// is refused too: somebody took the challenge away (RFC 9700 §2.1.1).
func (c *code) provenBy(verifier string) bool {
	if c.challenge == "" || verifier == "" {
		return c.challenge == verifier
	}
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return hmac.Equal([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(c.challenge))
}

// redeemRefresh exchanges a refresh token. Called with p.mu held.
func (p *pool) redeemRefresh(v *visit, clientID string) (*beginning, *oauthError) {
	token := v.form.Get("refresh_token")
	if token == "" {
		return nil, &oauthError{"invalid_request", ""}
	}
	c, next, err := p.refresh(clientID, token, v.now)
	if err != nil {
		return nil, &oauthError{"invalid_grant", ""}
	}
	access, id := p.drafts(c, v.now)
	return &beginning{access, id, next}, nil
}

// revokeEndpoint is the revocation endpoint (RFC 7009).
func (p *pool) revokeEndpoint(v *visit) *reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	clientID, refused := p.authenticate(v)
	switch {
	case refused != nil && refused.Code == "invalid_client":
		return refused.reply(http.StatusUnauthorized)
	case refused != nil:
		return refused.reply(http.StatusBadRequest)
	}
	token := v.form.Get("token")
	switch {
	case token == "":
		return (&oauthError{"invalid_request", ""}).reply(http.StatusBadRequest)
	case strings.Count(token, ".") == 2:
		return (&oauthError{"unsupported_token_type", ""}).reply(http.StatusBadRequest)
	}
	// An unknown token is as good as revoked (§2.2).
	if t := p.link(token); t != nil {
		if t.clientID != clientID {
			return (&oauthError{"invalid_client", ""}).reply(http.StatusBadRequest)
		}
		t.revoked = true
	}
	return &reply{status: http.StatusOK, header: http.Header{"Cache-Control": {noStore}}}
}
