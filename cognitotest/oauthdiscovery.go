package cognitotest

import "net/http"

// discovery is the OpenID Provider configuration (OpenID Connect Discovery §4).
// Called with p.mu held.
func (p *userPool) discovery(req *request) *response {
	base := p.loginBase()
	issuer := p.issuer()
	if p.url == "" {
		issuer = "https://" + req.host + "/" + p.id // each of the two issuers names itself
	}
	r := jsonResponse(http.StatusOK, struct {
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
