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

// asOAuth gives r the headers of an RFC 6749 endpoint.
func (r *response) asOAuth() *response {
	r.contentType = "application/json;charset=UTF-8"
	r.header = http.Header{"Cache-Control": {noStore}, "Pragma": {"no-cache"}}
	return r
}

// tokenEndpoint is the token endpoint (RFC 6749 §3.2).
func (p *userPool) tokenEndpoint(req *loginRequest) *response {
	drafts, lifetime, oauthErr := p.exchange(req)
	if oauthErr != nil {
		// Cognito says 400 for invalid_client too.
		return oauthErr.response(http.StatusBadRequest)
	}
	var out struct {
		ID        string `json:"id_token,omitempty"`
		Access    string `json:"access_token"`
		Refresh   string `json:"refresh_token,omitempty"`
		ExpiresIn int64  `json:"expires_in"`
		Type      string `json:"token_type"`
	}
	// p.mu is not held here, because signing takes time.
	out.Access = drafts.access.signedToken()
	if drafts.id.Claims != nil {
		if _, edited := drafts.id.Claims["at_hash"]; !edited && out.Access != "" {
			drafts.id.Claims["at_hash"] = atHash(out.Access)
		}
		out.ID = drafts.id.signedToken()
	}
	out.Refresh, out.ExpiresIn, out.Type = drafts.refresh, int64(lifetime/time.Second), "Bearer"
	return jsonResponse(http.StatusOK, out).asOAuth()
}

// atHash is the "at_hash" of an access token (OpenID Connect Core §3.1.3.6).
func atHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// exchange checks a request for tokens and drafts the tokens.
func (p *userPool) exchange(req *loginRequest) (*draftSet, time.Duration, *oauthError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clientID, oauthErr := p.authenticateClient(req)
	if oauthErr != nil {
		return nil, 0, oauthErr
	}
	var drafts *draftSet
	switch req.form.Get("grant_type") {
	case "authorization_code":
		drafts, oauthErr = p.exchangeCode(req, clientID)
	case "refresh_token":
		drafts, oauthErr = p.exchangeRefreshToken(req, clientID)
	case "":
		oauthErr = &oauthError{"invalid_request", ""}
	case "client_credentials":
		oauthErr = &oauthError{"unauthorized_client", ""} // needs scopes of a resource server
	default:
		oauthErr = &oauthError{"unsupported_grant_type", ""}
	}
	return drafts, p.lifetime, oauthErr
}

// authenticateClient finds the app client that sent a request (RFC 6749 §2.3.1). An
// app client with a secret sends it by HTTP Basic or in the form. Called with p.mu
// held.
func (p *userPool) authenticateClient(req *loginRequest) (clientID string, oauthErr *oauthError) {
	if req.malformed {
		return "", &oauthError{"invalid_request", ""}
	}
	for _, values := range req.form {
		if len(values) > 1 {
			return "", &oauthError{"invalid_request", ""}
		}
	}
	invalid := &oauthError{"invalid_client", ""}
	clientID, sent := req.form.Get("client_id"), req.form.Get("client_secret")
	if req.header.Get("Authorization") != "" {
		user, password, ok := (&http.Request{Header: req.header}).BasicAuth()
		id, err := url.QueryUnescape(user)
		if !ok || err != nil || clientID != "" && clientID != id || req.form.Has("client_secret") {
			return "", invalid
		}
		if sent, err = url.QueryUnescape(password); err != nil || sent == "" {
			return "", invalid // a public client must not use HTTP Basic either
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

// exchangeCode exchanges an authorization code. Called with p.mu held.
func (p *userPool) exchangeCode(req *loginRequest, clientID string) (*draftSet, *oauthError) {
	value, redirectURI, verifier := req.form.Get("code"), req.form.Get("redirect_uri"), req.form.Get("code_verifier")
	invalid := &oauthError{"invalid_grant", ""}
	switch {
	case value == "" || redirectURI == "":
		return nil, &oauthError{"invalid_request", ""}
	case !allows(p.loginSettings[clientID].RedirectURIs, redirectURI):
		return nil, &oauthError{"unauthorized_client", ""}
	}
	code := p.codes[value]
	if code == nil || code.clientID != clientID {
		return nil, invalid
	}
	// A code is valid for one attempt, good or bad, so that nobody can guess verifiers.
	delete(p.codes, value)
	if !req.now.Before(code.expires) || code.redirectURI != redirectURI || code.user.checkUsable() != nil || !code.matchesVerifier(verifier) {
		return nil, invalid
	}
	session, refresh := p.startSession(code.user, clientID, req.now)
	session.authTime, session.scopes = code.authTime, code.scopes
	access, id := p.draftTokens(session, req.now)
	if id.Claims != nil && code.nonce != "" {
		id.Claims["nonce"] = code.nonce
	}
	for _, edit := range code.edits {
		if edit == nil {
			continue
		}
		edit(access)
		if code.openID() { // otherwise there is no ID token
			edit(id)
		}
	}
	return &draftSet{access: access, id: id, refresh: refresh, session: session}, nil
}

// matchesVerifier checks a code verifier (RFC 7636 §4.6). A verifier for a code
// without a challenge is refused: an attacker may have removed the challenge
// (RFC 9700 §2.1.1).
func (c *authorizationCode) matchesVerifier(verifier string) bool {
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

// exchangeRefreshToken exchanges a refresh token. Called with p.mu held.
func (p *userPool) exchangeRefreshToken(req *loginRequest, clientID string) (*draftSet, *oauthError) {
	token := req.form.Get("refresh_token")
	if token == "" {
		return nil, &oauthError{"invalid_request", ""}
	}
	session, next, err := p.refresh(clientID, token, "", req.now)
	if err != nil {
		return nil, &oauthError{"invalid_grant", ""}
	}
	access, id := p.draftTokens(session, req.now)
	return &draftSet{access: access, id: id, refresh: next, session: session}, nil
}

// revokeEndpoint is the revocation endpoint (RFC 7009).
func (p *userPool) revokeEndpoint(req *loginRequest) *response {
	p.mu.Lock()
	defer p.mu.Unlock()
	clientID, oauthErr := p.authenticateClient(req)
	switch {
	case oauthErr != nil && oauthErr.Code == "invalid_client":
		return oauthErr.response(http.StatusUnauthorized)
	case oauthErr != nil:
		return oauthErr.response(http.StatusBadRequest)
	}
	token := req.form.Get("token")
	switch {
	case token == "", p.notRevocable[clientID]:
		return (&oauthError{"invalid_request", ""}).response(http.StatusBadRequest)
	case strings.Count(token, ".") == 2:
		return (&oauthError{"unsupported_token_type", ""}).response(http.StatusBadRequest)
	}
	// Revoking an unknown token succeeds (§2.2).
	if t := p.findRefreshToken(token); t != nil {
		if t.clientID != clientID {
			return (&oauthError{"invalid_client", ""}).response(http.StatusBadRequest)
		}
		t.revoked = true
	}
	return &response{status: http.StatusOK, header: http.Header{"Cache-Control": {noStore}}}
}
