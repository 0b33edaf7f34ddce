package cognitotest

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// accessClaims are the claims of an access token that the user pool API checks.
type accessClaims struct {
	Issuer    string `json:"iss"`
	TokenUse  string `json:"token_use"`
	Scope     string `json:"scope"`
	Username  string `json:"username"`
	EventID   string `json:"event_id"`
	ExpiresAt int64  `json:"exp"`
}

// checkAccessToken verifies an access token that needs the scope, and finds its
// user. It returns the claims of every token with a good signature, also beside an
// error. Called with p.mu held.
func (p *userPool) checkAccessToken(token, scope string, now time.Time) (*accessClaims, *account, error) {
	payload, err := p.verifySignature(token)
	if err != nil {
		return nil, nil, err
	}
	claims := new(accessClaims)
	if json.Unmarshal(payload, claims) != nil {
		return nil, nil, apiErrorf("NotAuthorizedException", "Invalid Access Token")
	}
	s := p.sessions[claims.EventID]
	reason := ""
	switch {
	case claims.TokenUse != "access", !p.ownsIssuer(claims.Issuer):
		reason = "Invalid Access Token"
	case now.Unix() >= claims.ExpiresAt:
		reason = "Access Token has expired"
	case !slices.Contains(strings.Fields(claims.Scope), scope):
		reason = "Access Token does not have required scopes"
	case s != nil && s.revoked:
		reason = "Access Token has been revoked"
	}
	if reason != "" {
		return claims, nil, apiErrorf("NotAuthorizedException", "%s", reason)
	}
	a := p.users[claims.Username]
	if s != nil {
		a = s.user // the session's user may be removed, or an edit may have changed the username
	}
	return claims, a, a.checkUsable()
}

// tokenClaims are the claims of an ID or access token that the identity pool and
// the services of AWS use.
type tokenClaims struct {
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Subject   string   `json:"sub"`
	Username  string   `json:"cognito:username"`
	Groups    []string `json:"cognito:groups"`
	TokenUse  string   `json:"token_use"`
	ExpiresAt int64    `json:"exp"`

	ClientID       string `json:"client_id"` // of an access token
	AccessUsername string `json:"username"`  // of an access token
}

// verifyToken verifies an ID or access token as a service does that trusts the user
// pool: its signature, issuer, app client and expiry.
func (p *userPool) verifyToken(token string) (*tokenClaims, *apiError) {
	const code = "NotAuthorizedException"
	now := p.time()
	p.mu.Lock()
	defer p.mu.Unlock()
	payload, err := p.verifySignature(token)
	if err != nil {
		return nil, apiErrorf(code, "Token signature invalid")
	}
	claims := new(tokenClaims)
	if json.Unmarshal(payload, claims) != nil {
		return nil, apiErrorf(code, "Not a valid OpenId Connect identity token.")
	}
	claims.Username = cmp.Or(claims.Username, claims.AccessUsername)
	_, known := p.clients[cmp.Or(claims.Audience, claims.ClientID)]
	switch {
	case !p.ownsIssuer(claims.Issuer):
		return nil, apiErrorf(code, "Token is not from a supported provider of this identity pool.")
	case !known:
		return nil, apiErrorf(code, "Incorrect token audience.")
	case now.Unix() >= claims.ExpiresAt:
		return nil, apiErrorf(code, "Token expired: %d >= %d", now.Unix(), claims.ExpiresAt)
	}
	return claims, nil
}

// ownsIssuer reports whether iss is an issuer of the user pool. Called with p.mu
// held.
func (p *userPool) ownsIssuer(iss string) bool {
	return slices.Contains([]string{p.issuer(), p.awsIssuer, p.updatedIssuer()}, iss)
}

// verifySignature checks a token's signature by the published keys, and returns the
// payload. A tokens.Verifier would not do: it verifies for one app client, and its
// errors are not Cognito's. Called with p.mu held.
func (p *userPool) verifySignature(token string) (payload []byte, err error) {
	invalid := apiErrorf("NotAuthorizedException", "Invalid Access Token")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, invalid
	}
	var decoded [3][]byte
	for i, part := range parts {
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, invalid
		}
	}
	var header struct{ Alg, Kid string }
	if json.Unmarshal(decoded[0], &header) != nil || !json.Valid(decoded[1]) || header.Alg != "RS256" {
		return nil, invalid
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	for _, k := range p.publishedKeys() {
		if k.kid == header.Kid && rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, digest[:], decoded[2]) == nil {
			return decoded[1], nil
		}
	}
	return nil, apiErrorf("NotAuthorizedException", "Could not verify signature for Access Token")
}
