package cognitotest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// inScope reports whether tokens and userInfo with these scopes carry an attribute.
// With openid as the only scope of OpenID Connect they carry all attributes, as with
// profile.
func inScope(scopes []string, attribute string) bool {
	has := func(scope string) bool { return slices.Contains(scopes, scope) }
	switch {
	case attribute == "sub", has("profile"), !has("email") && !has("phone"):
		return true
	case attribute == "email" || attribute == "email_verified":
		return has("email")
	case attribute == "phone_number" || attribute == "phone_number_verified":
		return has("phone")
	}
	return attribute == "identities"
}

// userInfo is the UserInfo endpoint (OpenID Connect Core §5.3).
func (p *userPool) userInfo(req *loginRequest) *response {
	token, ok := strings.CutPrefix(req.header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return userInfoError(http.StatusBadRequest, &oauthError{"invalid_request", "Bad OAuth2 request at UserInfo Endpoint"})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	claims, a, err := p.checkAccessToken(token, "openid", req.now)
	if err != nil {
		description := "Access token is expired, disabled, or deleted, or the user has globally signed out."
		if claims != nil && !slices.Contains(strings.Fields(claims.Scope), "openid") {
			description = "Access token does not contain openid scope"
		}
		return userInfoError(http.StatusUnauthorized, &oauthError{"invalid_token", description})
	}
	// Cognito sends all values as strings, including email_verified.
	out := map[string]string{"username": a.Username}
	for name, value := range a.Attributes {
		if inScope(strings.Fields(claims.Scope), name) {
			out[name] = value
		}
	}
	return jsonResponse(http.StatusOK, out).asOAuth()
}

func userInfoError(status int, e *oauthError) *response {
	r := e.response(status)
	r.header.Set("WWW-Authenticate", fmt.Sprintf("Bearer error=%q, error_description=%q", e.Code, e.Description))
	return r
}
