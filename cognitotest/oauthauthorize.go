package cognitotest

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"
)

// codeLifetime is how long an authorization code is valid.
const codeLifetime = 5 * time.Minute

// oauthError is an error of RFC 6749 §4.1.2.1 and §5.2.
type oauthError struct{ Code, Description string }

func (e *oauthError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + e.Description
}

func (e *oauthError) response(status int) *response {
	r := jsonResponse(status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, e.Description})
	return r.asOAuth()
}

// authorizationRequest is that of RFC 6749 §4.1.1, RFC 7636 §4.3 and OpenID Connect
// Core §3.1.2.1.
type authorizationRequest struct {
	clientID, redirectURI      string
	state, nonce, challenge    string
	prompt, provider, nameHint string
	scopes                     []string
	settings                   Login
	params                     url.Values // unchanged
}

// parseAuthorization parses and checks an authorization request. An error beside a
// request is for the app. An error without a request is for a page: it must not be
// sent to a URL that is not registered. Called with p.mu held.
func (p *userPool) parseAuthorization(params url.Values) (*authorizationRequest, *oauthError) {
	a := &authorizationRequest{
		clientID:    params.Get("client_id"),
		redirectURI: params.Get("redirect_uri"),
		state:       params.Get("state"),
		nonce:       params.Get("nonce"),
		challenge:   params.Get("code_challenge"),
		prompt:      params.Get("prompt"),
		provider:    params.Get("identity_provider"),
		nameHint:    params.Get("login_hint"),
		params:      params,
	}
	if _, ok := p.clients[a.clientID]; !ok || len(params["client_id"]) > 1 {
		return nil, &oauthError{"invalid_request", "Client does not exist."}
	}
	a.settings = p.loginSettings[a.clientID]
	if len(params["redirect_uri"]) != 1 || !allows(a.settings.RedirectURIs, a.redirectURI) {
		return nil, &oauthError{"redirect_mismatch", "redirect_uri is none of the app client's callback URLs."}
	}
	if a.provider == "COGNITO" { // users of the user pool itself
		a.provider = ""
	}
	return a, a.check()
}

// check returns an error that may be sent to the app.
func (a *authorizationRequest) check() *oauthError {
	for name, values := range a.params {
		if len(values) > 1 {
			return &oauthError{"invalid_request", name + " comes twice"}
		}
	}
	switch a.params.Get("response_type") {
	case "code":
	case "":
		return &oauthError{"invalid_request", "response_type is missing"}
	case "token":
		return &oauthError{"unauthorized_client", "the app client does not allow the implicit grant"}
	default:
		return &oauthError{"unsupported_response_type", ""}
	}
	if err := a.readScopes(); err != nil {
		return err
	}
	switch method := a.params.Get("code_challenge_method"); {
	case a.challenge == "" && method == "":
		if a.settings.RequirePKCE {
			return &oauthError{"invalid_request", "code_challenge is missing"}
		}
	case a.challenge == "", method == "":
		return &oauthError{"invalid_request", "code_challenge and code_challenge_method go together"}
	case method != "S256":
		return &oauthError{"invalid_request", "code_challenge_method is not S256"}
	default:
		if b, err := base64.RawURLEncoding.Strict().DecodeString(a.challenge); err != nil || len(b) != 32 {
			return &oauthError{"invalid_request", "code_challenge is no SHA-256 in base64url"}
		}
	}
	if !slices.Contains([]string{"", "none", "login", "select_account", "consent"}, a.prompt) {
		return &oauthError{"invalid_request", "prompt is unknown"}
	}
	if a.provider != "" && !slices.Contains(a.settings.Providers, a.provider) {
		return &oauthError{"invalid_request", "Login option is not available. Please try another one"}
	}
	return nil
}

func (a *authorizationRequest) readScopes() *oauthError {
	a.scopes = strings.Fields(a.params.Get("scope"))
	if len(a.scopes) == 0 {
		a.scopes = slices.Clone(a.settings.scopes())
	}
	for _, scope := range a.scopes {
		switch {
		case !slices.Contains(a.settings.scopes(), scope):
			return &oauthError{"invalid_scope", ""}
		case slices.Contains([]string{"email", "phone", "profile"}, scope) && !slices.Contains(a.scopes, "openid"):
			return &oauthError{"invalid_scope", scope + " needs openid"}
		}
	}
	return nil
}

// openID reports whether the app gets an ID token.
func (a *authorizationRequest) openID() bool { return slices.Contains(a.scopes, "openid") }

// callbackURL is the app's redirect_uri with the state and more parameters, given as
// name and value in turn.
func (a *authorizationRequest) callbackURL(add ...string) string {
	var b strings.Builder
	b.WriteString(a.redirectURI)
	sep := "?"
	if strings.Contains(a.redirectURI, "?") {
		sep = "&"
	}
	if a.state != "" {
		add = append(add, "state", a.state)
	}
	for i := 0; i < len(add); i += 2 {
		b.WriteString(sep + add[i] + "=" + url.QueryEscape(add[i+1]))
		sep = "&"
	}
	return b.String()
}

// errorURL is the callback URL with an error.
func (a *authorizationRequest) errorURL(e *oauthError) string {
	if e.Description == "" {
		return a.callbackURL("error", e.Code)
	}
	return a.callbackURL("error", e.Code, "error_description", e.Description)
}

// authorizationCode is the state of an authorization code until it is exchanged.
type authorizationCode struct {
	*authorizationRequest
	user     *account
	authTime time.Time
	expires  time.Time
	edits    []func(*Draft)
}

// grantCode makes a code for the request of a user who signed in at authTime, and
// returns the callback URL with it. Called with p.mu held.
func (p *userPool) grantCode(a *authorizationRequest, user *account, authTime, now time.Time, edits ...func(*Draft)) (callback string) {
	for value, c := range p.codes { // so that a long test keeps few
		if !now.Before(c.expires) {
			delete(p.codes, value)
		}
	}
	value := newUUID()
	p.codes[value] = &authorizationCode{a, user, authTime, now.Add(codeLifetime), edits}
	return a.callbackURL("code", value)
}

// authorizePage is the authorization endpoint.
func (p *userPool) authorizePage(req *loginRequest) *response {
	return p.serveAuthorization(req, func(a *authorizationRequest) *response {
		s := p.findLoginSession(req, a)
		switch {
		case s != nil && a.prompt != "login":
			return redirect(p.grantCode(a, s.user, s.started, req.now))
		case a.prompt == "none":
			return redirect(a.errorURL(&oauthError{"login_required", ""}))
		case a.provider != "":
			return redirect("../idp?" + req.query)
		}
		return redirect("../login?" + req.query)
	})
}

// serveAuthorization serves a page whose URL has the parameters of an authorization
// request. It refuses a bad request, and passes others to serve, with p.mu held.
func (p *userPool) serveAuthorization(req *loginRequest, serve func(*authorizationRequest) *response) *response {
	if req.malformed {
		return errorPage(400, &oauthError{"invalid_request", "The request is malformed."})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a, oauthErr := p.parseAuthorization(req.params)
	switch {
	case a == nil:
		return errorPage(400, oauthErr)
	case oauthErr != nil:
		return redirect(a.errorURL(oauthErr))
	}
	return serve(a)
}
