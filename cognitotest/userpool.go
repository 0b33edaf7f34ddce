package cognitotest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// adminScope lets an access token act for its user in the user pool API. Tokens
// of a sign-in through the API have this scope and no other.
const adminScope = "aws.cognito.signin.user.admin"

// operations of the user pool API, by the last part of X-Amz-Target.
var operations = map[string]func(p *pool, body []byte) (any, error){
	"GetTokensFromRefreshToken": (*pool).getTokensFromRefreshToken,
	"GetUser":                   (*pool).getUser,
	"GlobalSignOut":             (*pool).globalSignOut,
	"InitiateAuth":              (*pool).initiateAuth,
	"RevokeToken":               (*pool).revokeToken,
}

// decode reads an operation's input.
func decode(body []byte, in any) error {
	if json.Unmarshal(body, in) != nil {
		return refuse("SerializationException", "Start of structure or map found where not expected.")
	}
	return nil
}

// missing refuses an input without a required member.
func missing(member string) error {
	return refuse("InvalidParameterException",
		"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

// authResult is the answer of the operations that issue tokens.
type authResult struct {
	AuthenticationResult struct {
		AccessToken  string
		ExpiresIn    int64
		IDToken      string `json:"IdToken"`
		RefreshToken string `json:",omitempty"`
		TokenType    string
	}
	ChallengeParameters struct{}
}

// result issues tokens for c; refresh is empty if the caller keeps the one it
// has. It signs without holding p.mu, which is what takes time.
func (p *pool) result(c *chain, refresh string, now time.Time) *authResult {
	p.mu.Lock()
	access, id := p.drafts(c, now)
	lifetime := p.lifetime
	p.mu.Unlock()

	out := new(authResult)
	r := &out.AuthenticationResult
	r.AccessToken, r.IDToken, r.RefreshToken = access.token(), id.token(), refresh
	r.ExpiresIn, r.TokenType = int64(lifetime/time.Second), "Bearer"
	return out
}

func (p *pool) getTokensFromRefreshToken(body []byte) (any, error) {
	var in struct {
		ClientID     string `json:"ClientId"`
		ClientSecret string
		RefreshToken string
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if in.RefreshToken == "" {
		return nil, missing("refreshToken")
	}
	now := p.time()
	c, next, err := p.checkedRefresh(in.ClientID, in.RefreshToken, now, func() error {
		return p.checkSecret(in.ClientID, in.ClientSecret, "NotAuthorizedException")
	})
	if err != nil {
		return nil, err
	}
	return p.result(c, next, now), nil
}

// checkedRefresh is refresh for a client that passes the check.
func (p *pool) checkedRefresh(clientID, token string, now time.Time, check func() error) (*chain, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := check(); err != nil {
		return nil, "", err
	}
	return p.refresh(clientID, token, now)
}

func (p *pool) initiateAuth(body []byte) (any, error) {
	var in struct {
		AuthFlow       string
		AuthParameters map[string]string
		ClientID       string `json:"ClientId"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	switch in.AuthFlow {
	case "USER_PASSWORD_AUTH":
		return p.passwordAuth(in.ClientID, in.AuthParameters)
	case "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN":
		return p.refreshAuth(in.ClientID, in.AuthParameters)
	case "":
		return nil, missing("authFlow")
	}
	return nil, refuse("InvalidParameterException", "%s flow not enabled for this client", in.AuthFlow)
}

func (p *pool) passwordAuth(clientID string, params map[string]string) (any, error) {
	for _, name := range []string{"USERNAME", "PASSWORD"} {
		if params[name] == "" {
			return nil, refuse("InvalidParameterException", "Missing required parameter %s", name)
		}
	}
	now := p.time()
	c, refresh, err := p.checkPassword(clientID, params, now)
	if err != nil {
		return nil, err
	}
	return p.result(c, refresh, now), nil
}

func (p *pool) checkPassword(clientID string, params map[string]string, now time.Time) (*chain, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// The hash is over the name as it was sent, which may be an alias.
	if err := p.checkSecretHash(clientID, params["USERNAME"], params["SECRET_HASH"]); err != nil {
		return nil, "", err
	}
	a := p.login(params["USERNAME"])
	if a == nil || !hmac.Equal([]byte(a.Password), []byte(params["PASSWORD"])) {
		// Cognito's answer since app clients prevent user existence errors.
		return nil, "", refuse("NotAuthorizedException", "Incorrect username or password.")
	}
	if err := a.usable(); err != nil {
		return nil, "", err
	}
	c, refresh := p.signIn(a, clientID, now)
	return c, refresh, nil
}

// refreshAuth is the older way to refresh, which rotation excludes.
func (p *pool) refreshAuth(clientID string, params map[string]string) (any, error) {
	token := params["REFRESH_TOKEN"]
	if token == "" {
		return nil, refuse("InvalidParameterException", "Missing required parameter REFRESH_TOKEN")
	}
	now := p.time()
	c, _, err := p.checkedRefresh(clientID, token, now, func() error {
		if p.rotation {
			return refuse("InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client")
		}
		var username string
		if t := p.link(token); t != nil {
			username = t.user.Username
		}
		return p.checkSecretHash(clientID, username, params["SECRET_HASH"])
	})
	if err != nil {
		return nil, err
	}
	return p.result(c, "", now), nil
}

func (p *pool) revokeToken(body []byte) (any, error) {
	var in struct {
		ClientID     string `json:"ClientId"`
		ClientSecret string
		Token        string
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if in.Token == "" {
		return nil, missing("token")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Unlike the others, this operation has no NotAuthorizedException.
	if err := p.checkSecret(in.ClientID, in.ClientSecret, "UnauthorizedException"); err != nil {
		return nil, err
	}
	if strings.Count(in.Token, ".") == 2 {
		return nil, refuse("UnsupportedTokenTypeException", "Only refresh tokens can be revoked.")
	}
	// An unknown token is as good as revoked (RFC 7009 §2.2).
	if t := p.link(in.Token); t != nil {
		if t.clientID != in.ClientID {
			return nil, refuse("UnauthorizedException", "Refresh Token has different Client")
		}
		t.revoked = true
	}
	return struct{}{}, nil
}

func (p *pool) globalSignOut(body []byte) (any, error) {
	now := p.time()
	claims, err := p.accessToken(body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a, err := p.authorize(claims, now)
	if err != nil {
		return nil, err
	}
	for _, c := range p.chains {
		if c.user == a {
			c.revoked = true
		}
	}
	return struct{}{}, nil
}

func (p *pool) getUser(body []byte) (any, error) {
	now := p.time()
	claims, err := p.accessToken(body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a, err := p.authorize(claims, now)
	if err != nil {
		return nil, err
	}
	type attribute struct{ Name, Value string }
	out := struct {
		UserAttributes []attribute
		Username       string
	}{Username: a.Username}
	for name, value := range a.Attributes {
		out.UserAttributes = append(out.UserAttributes, attribute{name, value})
	}
	slices.SortFunc(out.UserAttributes, func(x, y attribute) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

// accessClaims are the claims that the API judges an access token by.
type accessClaims struct {
	Issuer    string `json:"iss"`
	TokenUse  string `json:"token_use"`
	Scope     string `json:"scope"`
	Username  string `json:"username"`
	OriginID  string `json:"origin_jti"`
	ExpiresAt int64  `json:"exp"`
}

// accessToken reads the AccessToken of an input and checks its signature.
func (p *pool) accessToken(body []byte) (*accessClaims, error) {
	var in struct{ AccessToken string }
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if in.AccessToken == "" {
		return nil, missing("accessToken")
	}
	invalid := refuse("NotAuthorizedException", "Invalid Access Token")
	parts := strings.Split(in.AccessToken, ".")
	if len(parts) != 3 {
		return nil, invalid
	}
	var raw [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return nil, invalid
		}
		raw[i] = b
	}
	var header struct{ Alg, Kid string }
	claims := new(accessClaims)
	if json.Unmarshal(raw[0], &header) != nil || json.Unmarshal(raw[1], claims) != nil || header.Alg != "RS256" {
		return nil, invalid
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	for _, k := range p.published() {
		if k.kid == header.Kid && rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, digest[:], raw[2]) == nil {
			return claims, nil
		}
	}
	return nil, refuse("NotAuthorizedException", "Could not verify signature for Access Token")
}

// authorize finds the user for whom an access token may act. Called with p.mu
// held.
func (p *pool) authorize(claims *accessClaims, now time.Time) (*account, error) {
	c := p.chains[claims.OriginID]
	switch {
	case claims.TokenUse != "access", !slices.Contains([]string{p.issuer(), p.awsIssuer, p.updatedIssuer()}, claims.Issuer):
		return nil, refuse("NotAuthorizedException", "Invalid Access Token")
	case now.Unix() >= claims.ExpiresAt:
		return nil, refuse("NotAuthorizedException", "Access Token has expired")
	case !slices.Contains(strings.Fields(claims.Scope), adminScope):
		return nil, refuse("NotAuthorizedException", "Access Token does not have required scopes")
	case c != nil && c.revoked:
		return nil, refuse("NotAuthorizedException", "Access Token has been revoked")
	}
	a := p.users[claims.Username]
	if c != nil {
		a = c.user
	}
	if a == nil {
		return nil, refuse("UserNotFoundException", "User does not exist.")
	}
	return a, a.usable()
}
