package cognitotest

import (
	"crypto/hmac"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// adminScope lets an access token act for its user in the user pool API. A sign-in
// through the API gives tokens of this scope alone; see userSession.scopes.
const adminScope = "aws.cognito.signin.user.admin"

// apiInput has the members of all operations' inputs. Each operation uses some.
type apiInput struct {
	AccessToken    string
	AuthFlow       string
	AuthParameters map[string]string
	ClientID       string `json:"ClientId"`
	ClientSecret   string
	DeviceKey      string
	RefreshToken   string
	Token          string
}

// operations are those of the user pool API, by the last part of X-Amz-Target. They
// run with p.mu held. The caller runs output without it, because signing tokens
// takes time.
var operations = map[string]func(p *userPool, in *apiInput, now time.Time) (output func() any, err error){
	"GetTokensFromRefreshToken": (*userPool).getTokensFromRefreshToken,
	"GetUser":                   (*userPool).getUser,
	"GlobalSignOut":             (*userPool).globalSignOut,
	"InitiateAuth":              (*userPool).initiateAuth,
	"RevokeToken":               (*userPool).revokeToken,
}

// callOperation runs an operation of the user pool API.
func (p *userPool) callOperation(op string, body []byte) *response {
	in := new(apiInput)
	if json.Unmarshal(body, in) != nil {
		return apiErrorf("SerializationException", "Start of structure or map found where not expected.").response()
	}
	if err := in.validate(); err != nil {
		return err.(*apiError).response()
	}
	now := p.time()
	p.mu.Lock()
	output, err := (func() any)(nil), error(apiErrorf("UnknownOperationException", ""))
	if !p.removed[op] {
		output, err = operations[op](p, in, now)
	}
	p.mu.Unlock()
	if err != nil {
		return err.(*apiError).response()
	}
	return jsonResponse(http.StatusOK, output())
}

func emptyOutput() any { return struct{}{} }

// missingMember is the error of an input without a required member.
func missingMember(member string) error {
	return apiErrorf("InvalidParameterException",
		"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

// authenticationResult issues tokens of a session. refresh is empty if the caller's
// own refresh token stays valid.
func (p *userPool) authenticationResult(s *userSession, refresh string, now time.Time) func() any {
	access, id := p.draftTokens(s, now)
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
		r.AccessToken, r.IDToken = access.signedToken(), id.signedToken()
		return &out
	}
}

func (p *userPool) getTokensFromRefreshToken(in *apiInput, now time.Time) (func() any, error) {
	if in.RefreshToken == "" {
		return nil, missingMember("refreshToken")
	}
	if err := p.checkSecret(in.ClientID, in.ClientSecret, "NotAuthorizedException"); err != nil {
		return nil, err
	}
	s, next, err := p.refresh(in.ClientID, in.RefreshToken, in.DeviceKey, now)
	if err != nil {
		return nil, err
	}
	return p.authenticationResult(s, next, now), nil
}

func (p *userPool) initiateAuth(in *apiInput, now time.Time) (func() any, error) {
	switch in.AuthFlow {
	case "USER_PASSWORD_AUTH":
		return p.passwordAuth(in.ClientID, in.AuthParameters, now)
	case "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN":
		if !p.rotation { // rotation excludes this older flow
			return p.refreshAuth(in.ClientID, in.AuthParameters, now)
		}
	case "":
		return nil, missingMember("authFlow")
	}
	return nil, apiErrorf("InvalidParameterException", "%s flow not enabled for this client", in.AuthFlow)
}

func (p *userPool) passwordAuth(clientID string, params map[string]string, now time.Time) (func() any, error) {
	for _, name := range []string{"USERNAME", "PASSWORD"} {
		if params[name] == "" {
			return nil, apiErrorf("InvalidParameterException", "Missing required parameter %s", name)
		}
	}
	// The client hashes the name that it sends, which may be an alias.
	if err := p.checkSecretHash(clientID, params["USERNAME"], params["SECRET_HASH"]); err != nil {
		return nil, err
	}
	a := p.findUser(params["USERNAME"])
	if a == nil || !hmac.Equal([]byte(a.Password), []byte(params["PASSWORD"])) {
		// The same error for both: new app clients prevent user existence errors.
		return nil, apiErrorf("NotAuthorizedException", "Incorrect username or password.")
	}
	if err := a.checkUsable(); err != nil {
		return nil, err
	}
	if err := p.runTrigger(a.Username); err != nil {
		return nil, err
	}
	s, refresh := p.startSession(a, clientID, now)
	return p.authenticationResult(s, refresh, now), nil
}

func (p *userPool) refreshAuth(clientID string, params map[string]string, now time.Time) (func() any, error) {
	token := params["REFRESH_TOKEN"]
	if token == "" {
		return nil, apiErrorf("InvalidParameterException", "Missing required parameter REFRESH_TOKEN")
	}
	var username string
	if t := p.findRefreshToken(token); t != nil {
		username = t.user.Username
	}
	if err := p.checkSecretHash(clientID, username, params["SECRET_HASH"]); err != nil {
		return nil, err
	}
	s, _, err := p.refresh(clientID, token, params["DEVICE_KEY"], now)
	if err != nil {
		return nil, err
	}
	return p.authenticationResult(s, "", now), nil
}

func (p *userPool) revokeToken(in *apiInput, _ time.Time) (func() any, error) {
	if in.Token == "" {
		return nil, missingMember("token")
	}
	// Unlike the others, this operation has no NotAuthorizedException.
	if err := p.checkSecret(in.ClientID, in.ClientSecret, "UnauthorizedException"); err != nil {
		return nil, err
	}
	if p.notRevocable[in.ClientID] {
		return nil, apiErrorf("UnsupportedOperationException", "Token revocation is not enabled for this client")
	}
	if strings.Count(in.Token, ".") == 2 {
		return nil, apiErrorf("UnsupportedTokenTypeException", "Only refresh tokens can be revoked.")
	}
	// Revoking an unknown token succeeds (RFC 7009 §2.2).
	if t := p.findRefreshToken(in.Token); t != nil {
		if t.clientID != in.ClientID {
			return nil, apiErrorf("UnauthorizedException", "Refresh Token has different Client")
		}
		t.revoked = true
	}
	return emptyOutput, nil
}

func (p *userPool) globalSignOut(in *apiInput, now time.Time) (func() any, error) {
	a, err := p.accessTokenUser(in.AccessToken, now)
	if err != nil {
		return nil, err
	}
	for _, s := range p.sessions {
		if s.user == a {
			s.revoked = true
		}
	}
	return emptyOutput, nil
}

func (p *userPool) getUser(in *apiInput, now time.Time) (func() any, error) {
	a, err := p.accessTokenUser(in.AccessToken, now)
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

// accessTokenUser finds the user that an access token may act for. Called with
// p.mu held.
func (p *userPool) accessTokenUser(token string, now time.Time) (*account, error) {
	if token == "" {
		return nil, missingMember("accessToken")
	}
	_, a, err := p.checkAccessToken(token, adminScope, now)
	return a, err
}
