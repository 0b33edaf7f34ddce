package cognitotest

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"
)

// codeLifetime is how long an authorization code is good.
const codeLifetime = 5 * time.Minute

// oauthError is an error of RFC 6749 §4.1.2.1 and §5.2.
type oauthError struct{ Code, Description string }

func (e *oauthError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + e.Description
}

func (e *oauthError) reply(status int) *reply {
	r := jsonReply(status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, e.Description})
	return r.oauth()
}

// authorization is an authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3,
// OpenID Connect Core §3.1.2.1).
type authorization struct {
	clientID, redirectURI      string
	state, nonce, challenge    string
	prompt, provider, nameHint string
	scopes                     []string
	settings                   Login
	params                     url.Values // as they came
}

// authorization reads and judges an authorization request. Without an
// authorization, the error is for a page, because it must not be sent to a URL
// that nobody registered; with one, it is for the app. Called with p.mu held.
func (p *pool) authorization(params url.Values) (*authorization, *oauthError) {
	a := &authorization{
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
	if a.provider == "COGNITO" { // the pool's own users
		a.provider = ""
	}
	return a, a.fault()
}

// fault is what is wrong with a for the app to know; nil is nothing.
func (a *authorization) fault() *oauthError {
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
	if fault := a.readScopes(); fault != nil {
		return fault
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

func (a *authorization) readScopes() *oauthError {
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

// openID reports whether there is to be an ID token.
func (a *authorization) openID() bool { return slices.Contains(a.scopes, "openid") }

// callback is the URL that sends the browser back to the app.
func (a *authorization) callback(add ...string) string {
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

// refuse is the callback with an error.
func (a *authorization) refuse(e *oauthError) string {
	if e.Description == "" {
		return a.callback("error", e.Code)
	}
	return a.callback("error", e.Code, "error_description", e.Description)
}

// code is what an authorization code stands for until it is exchanged.
type code struct {
	*authorization
	user     *account
	authTime time.Time
	expires  time.Time
	edits    []func(*Draft)
}

// grant gives the app a code for a, on which the user signed in at authTime.
// Called with p.mu held.
func (p *pool) grant(a *authorization, user *account, authTime, now time.Time, edits ...func(*Draft)) (callback string) {
	for value, c := range p.codes { // long tests keep few
		if !now.Before(c.expires) {
			delete(p.codes, value)
		}
	}
	value := newUUID()
	p.codes[value] = &code{a, user, authTime, now.Add(codeLifetime), edits}
	return a.callback("code", value)
}

// authorizePage is the authorization endpoint.
func (p *pool) authorizePage(v *visit) *reply {
	return p.visitAuthorization(v, func(a *authorization) *reply {
		s := p.browser(v, a)
		switch {
		case s != nil && a.prompt != "login":
			return redirect(p.grant(a, s.user, s.began, v.now))
		case a.prompt == "none":
			return redirect(a.refuse(&oauthError{"login_required", ""}))
		case a.provider != "":
			return redirect("../idp?" + v.query)
		}
		return redirect("../login?" + v.query)
	})
}

// visitAuthorization serves a request with the parameters of an authorization
// request in its URL: refused ones by itself, others with serve, under p.mu.
func (p *pool) visitAuthorization(v *visit, serve func(*authorization) *reply) *reply {
	if v.faulty {
		return errorPage(400, &oauthError{"invalid_request", "The request is malformed."})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a, refused := p.authorization(v.params)
	switch {
	case a == nil:
		return errorPage(400, refused)
	case refused != nil:
		return redirect(a.refuse(refused))
	}
	return serve(a)
}
