package cognitotest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// shows reports whether tokens and userInfo of these scopes carry an attribute.
// With openid and no other scope of OpenID Connect, they carry all, as with
// profile.
func shows(scopes []string, attribute string) bool {
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
func (p *pool) userInfo(v *visit) *reply {
	token, ok := strings.CutPrefix(v.header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return refuseInfo(http.StatusBadRequest, &oauthError{"invalid_request", "Bad OAuth2 request at UserInfo Endpoint"})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	claims, a, err := p.bearer(token, "openid", v.now)
	if err != nil {
		description := "Access token is expired, disabled, or deleted, or the user has globally signed out."
		if claims != nil && !slices.Contains(strings.Fields(claims.Scope), "openid") {
			description = "Access token does not contain openid scope"
		}
		return refuseInfo(http.StatusUnauthorized, &oauthError{"invalid_token", description})
	}
	// Cognito sends all values as strings, email_verified too.
	out := map[string]string{"username": a.Username}
	for name, value := range a.Attributes {
		if shows(strings.Fields(claims.Scope), name) {
			out[name] = value
		}
	}
	return jsonReply(http.StatusOK, out).oauth()
}

func refuseInfo(status int, e *oauthError) *reply {
	r := e.reply(status)
	r.header.Set("WWW-Authenticate", fmt.Sprintf("Bearer error=%q, error_description=%q", e.Code, e.Description))
	return r
}

// discovery is the OpenID Provider configuration (OpenID Connect Discovery §4).
// Called with p.mu held.
func (p *pool) discovery(req *request) *reply {
	base := p.loginBase()
	issuer := p.issuer()
	if p.url == "" {
		issuer = "https://" + req.host + "/" + p.id // the one that was asked: there are two
	}
	r := jsonReply(http.StatusOK, struct {
		Authorization string   `json:"authorization_endpoint"`
		EndSession    string   `json:"end_session_endpoint"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
		Issuer        string   `json:"issuer"`
		KeySet        string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
		Revocation    string   `json:"revocation_endpoint"`
		Scopes        []string `json:"scopes_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		Token         string   `json:"token_endpoint"`
		TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
		UserInfo      string   `json:"userinfo_endpoint"`
	}{
		Authorization: base + "/oauth2/authorize",
		EndSession:    base + "/logout",
		Algorithms:    []string{"RS256"},
		Issuer:        issuer,
		KeySet:        issuer + "/.well-known/jwks.json",
		ResponseTypes: []string{"code", "token"},
		Revocation:    base + "/oauth2/revoke",
		Scopes:        []string{"openid", "email", "phone", "profile"},
		SubjectTypes:  []string{"public"},
		Token:         base + "/oauth2/token",
		TokenAuth:     []string{"client_secret_basic", "client_secret_post"},
		UserInfo:      base + "/oauth2/userInfo",
	})
	r.contentType = "application/json"
	return r
}
