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
// of a sign-in through the API have this scope and no other; see chain.scopes.
const adminScope = "aws.cognito.signin.user.admin"

// input has the members that the operations take; each knows some of them.
type input struct {
	AccessToken    string
	AuthFlow       string
	AuthParameters map[string]string
	ClientID       string `json:"ClientId"`
	ClientSecret   string
	RefreshToken   string
	Token          string
}

// operations of the user pool API, by the last part of X-Amz-Target. They run
// with p.mu held. The answer is made after that: signing tokens takes time.
var operations = map[string]func(p *pool, in *input, now time.Time) (answer func() any, err error){
	"GetTokensFromRefreshToken": (*pool).getTokensFromRefreshToken,
	"GetUser":                   (*pool).getUser,
	"GlobalSignOut":             (*pool).globalSignOut,
	"InitiateAuth":              (*pool).initiateAuth,
	"RevokeToken":               (*pool).revokeToken,
}

// call runs an operation.
func (p *pool) call(op string, body []byte) *reply {
	in := new(input)
	if json.Unmarshal(body, in) != nil {
		return refuse("SerializationException", "Start of structure or map found where not expected.").reply()
	}
	now := p.time()
	p.mu.Lock()
	answer, err := operations[op](p, in, now)
	p.mu.Unlock()
	if err != nil {
		return err.(*refusal).reply()
	}
	return jsonReply(200, answer())
}

func nothing() any { return struct{}{} }

// missing refuses an input without a required member.
func missing(member string) error {
	return refuse("InvalidParameterException",
		"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

// result issues tokens of c; refresh is empty if the caller keeps the one that
// it has.
func (p *pool) result(c *chain, refresh string, now time.Time) func() any {
	access, id := p.drafts(c, now)
	var out struct {
		AuthenticationResult struct {
			AccessToken  string
			ExpiresIn    int64
			IDToken      string `json:"IdToken,omitempty"`
			RefreshToken string `json:",omitempty"`
			TokenType    string
		}
		ChallengeParameters struct{}
	}
	r := &out.AuthenticationResult
	r.ExpiresIn, r.RefreshToken, r.TokenType = int64(p.lifetime/time.Second), refresh, "Bearer"
	return func() any {
		r.AccessToken, r.IDToken = access.token(), id.token()
		return &out
	}
}

func (p *pool) getTokensFromRefreshToken(in *input, now time.Time) (func() any, error) {
	if in.RefreshToken == "" {
		return nil, missing("refreshToken")
	}
	if err := p.checkSecret(in.ClientID, in.ClientSecret, "NotAuthorizedException"); err != nil {
		return nil, err
	}
	c, next, err := p.refresh(in.ClientID, in.RefreshToken, now)
	if err != nil {
		return nil, err
	}
	return p.result(c, next, now), nil
}

func (p *pool) initiateAuth(in *input, now time.Time) (func() any, error) {
	switch in.AuthFlow {
	case "USER_PASSWORD_AUTH":
		return p.passwordAuth(in.ClientID, in.AuthParameters, now)
	case "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN":
		if !p.rotation { // which excludes this older way to refresh
			return p.refreshAuth(in.ClientID, in.AuthParameters, now)
		}
	case "":
		return nil, missing("authFlow")
	}
	return nil, refuse("InvalidParameterException", "%s flow not enabled for this client", in.AuthFlow)
}

func (p *pool) passwordAuth(clientID string, params map[string]string, now time.Time) (func() any, error) {
	for _, name := range []string{"USERNAME", "PASSWORD"} {
		if params[name] == "" {
			return nil, refuse("InvalidParameterException", "Missing required parameter %s", name)
		}
	}
	// The hash is over the name as it was sent, which may be an alias.
	if err := p.checkSecretHash(clientID, params["USERNAME"], params["SECRET_HASH"]); err != nil {
		return nil, err
	}
	a := p.login(params["USERNAME"])
	if a == nil || !hmac.Equal([]byte(a.Password), []byte(params["PASSWORD"])) {
		// Cognito's answer since app clients prevent user existence errors.
		return nil, refuse("NotAuthorizedException", "Incorrect username or password.")
	}
	if err := a.usable(); err != nil {
		return nil, err
	}
	c, refresh := p.signIn(a, clientID, now)
	return p.result(c, refresh, now), nil
}

func (p *pool) refreshAuth(clientID string, params map[string]string, now time.Time) (func() any, error) {
	token := params["REFRESH_TOKEN"]
	if token == "" {
		return nil, refuse("InvalidParameterException", "Missing required parameter REFRESH_TOKEN")
	}
	var username string
	if t := p.link(token); t != nil {
		username = t.user.Username
	}
	if err := p.checkSecretHash(clientID, username, params["SECRET_HASH"]); err != nil {
		return nil, err
	}
	c, _, err := p.refresh(clientID, token, now)
	if err != nil {
		return nil, err
	}
	return p.result(c, "", now), nil
}

func (p *pool) revokeToken(in *input, _ time.Time) (func() any, error) {
	if in.Token == "" {
		return nil, missing("token")
	}
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
	return nothing, nil
}

func (p *pool) globalSignOut(in *input, now time.Time) (func() any, error) {
	a, err := p.authorize(in.AccessToken, now)
	if err != nil {
		return nil, err
	}
	for _, c := range p.chains {
		if c.user == a {
			c.revoked = true
		}
	}
	return nothing, nil
}

func (p *pool) getUser(in *input, now time.Time) (func() any, error) {
	a, err := p.authorize(in.AccessToken, now)
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
	return func() any { return out }, nil
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

// authorize finds the user for whom an access token may act. Called with p.mu
// held.
func (p *pool) authorize(token string, now time.Time) (*account, error) {
	if token == "" {
		return nil, missing("accessToken")
	}
	_, a, err := p.bearer(token, adminScope, now)
	return a, err
}

// bearer judges an access token that has to have a scope. The claims are those
// of every token that the pool signed. Called with p.mu held.
func (p *pool) bearer(token, scope string, now time.Time) (*accessClaims, *account, error) {
	claims, err := p.verify(token)
	if err != nil {
		return nil, nil, err
	}
	c := p.chains[claims.OriginID]
	reason := ""
	switch {
	case claims.TokenUse != "access", !slices.Contains([]string{p.issuer(), p.awsIssuer, p.updatedIssuer()}, claims.Issuer):
		reason = "Invalid Access Token"
	case now.Unix() >= claims.ExpiresAt:
		reason = "Access Token has expired"
	case !slices.Contains(strings.Fields(claims.Scope), scope):
		reason = "Access Token does not have required scopes"
	case c != nil && c.revoked:
		reason = "Access Token has been revoked"
	}
	if reason != "" {
		return claims, nil, refuse("NotAuthorizedException", "%s", reason)
	}
	a := p.users[claims.Username]
	if c != nil {
		a = c.user // also one who was removed, or whose name an edit changed
	}
	return claims, a, a.usable()
}

// verify checks the signature of a token. Called with p.mu held.
func (p *pool) verify(token string) (*accessClaims, error) {
	invalid := refuse("NotAuthorizedException", "Invalid Access Token")
	parts := strings.Split(token, ".")
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
