package cognitotest

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// loginRoute is a path of the managed login's host.
type loginRoute struct {
	op   string // for Calls and SetFault
	get  func(*userPool, *loginRequest) *response
	post func(*userPool, *loginRequest) *response
	json bool // for apps: errors are JSON, not pages
}

var loginRoutes map[string]loginRoute

func init() { // the handlers use the map themselves
	loginRoutes = map[string]loginRoute{
		"/oauth2/authorize": {op: "Authorize", get: (*userPool).authorizePage},
		"/login":            {op: "Login", get: (*userPool).loginPage, post: (*userPool).postLogin},
		"/idp":              {op: "Login", get: (*userPool).providerPage, post: (*userPool).postProvider},
		"/signup":           {op: "Signup", get: (*userPool).signupPage, post: (*userPool).postSignup},
		"/logout":           {op: "Logout", get: (*userPool).logout},
		"/oauth2/token":     {op: "Token", post: (*userPool).tokenEndpoint, json: true},
		"/oauth2/revoke":    {op: "Revoke", post: (*userPool).revokeEndpoint, json: true},
		"/oauth2/userInfo":  {op: "UserInfo", get: (*userPool).userInfo, post: (*userPool).userInfo, json: true},
	}
}

// loginRequest is a request to the managed login.
type loginRequest struct {
	*request
	now       time.Time
	params    url.Values // of the URL
	form      url.Values // of a POST
	malformed bool       // the query or the form cannot be parsed
}

// routeLogin is route for the managed login. On AWS the managed login has a host of
// its own. Behind SetURL it shares the host.
func (p *userPool) routeLogin(req *request) (op string, run func() *response, ok bool) {
	if strings.HasSuffix(p.awsIssuer, req.host+"/"+p.id) {
		return "", nil, false // the host of the user pool API, with issuer- or without
	}
	route, known := loginRoutes[req.path]
	if !known {
		return "", notFound, req.host == p.domain
	}
	handler := route.get
	if req.method == http.MethodPost {
		handler = route.post
	}
	if handler == nil || req.method != http.MethodGet && req.method != http.MethodPost {
		return "", func() *response { return notAllowed(route) }, true
	}
	return route.op, func() *response { return handler(p, newLoginRequest(req, p.time())) }, true
}

func newLoginRequest(req *request, now time.Time) *loginRequest {
	login := &loginRequest{request: req, now: now}
	var err error
	login.params, err = url.ParseQuery(req.query)
	login.malformed = err != nil
	if req.method == http.MethodPost {
		media, _, err := mime.ParseMediaType(req.header.Get("Content-Type"))
		if err != nil || media != "application/x-www-form-urlencoded" {
			login.malformed = true
			return login
		}
		login.form, err = url.ParseQuery(string(req.body))
		login.malformed = login.malformed || err != nil
	}
	return login
}

func notAllowed(route loginRoute) *response {
	var allow []string
	if route.get != nil {
		allow = append(allow, http.MethodGet)
	}
	if route.post != nil {
		allow = append(allow, http.MethodPost)
	}
	return &response{
		status:      http.StatusMethodNotAllowed,
		contentType: "text/plain; charset=utf-8",
		header:      http.Header{"Allow": {strings.Join(allow, ", ")}},
		body:        []byte("method not allowed\n"),
	}
}

// redirect redirects a browser. A relative target works whatever path the Server is
// mounted at.
func redirect(target string) *response {
	return &response{
		status: http.StatusFound,
		page:   true,
		header: http.Header{"Location": {target}, "Cache-Control": {noStore}},
	}
}

const noStore = "no-cache, no-store, max-age=0, must-revalidate"

// loginFaultResponse is the response that a fault sends instead of the managed
// login's. It is nil if the fault sends none, or op is not the managed login's.
func (p *userPool) loginFaultResponse(op string, f Fault, req *request) *response {
	route := loginRoutes[req.path]
	if route.op != op || f.Body != "" || f.Status == 0 && f.Code == "" {
		return nil
	}
	code := f.Code
	if code == "" {
		switch {
		case f.Status == http.StatusTooManyRequests:
			code = "temporarily_unavailable"
		case f.Status >= 500:
			code = "server_error"
		default:
			code = "invalid_request"
		}
	}
	oauthErr := &oauthError{code, cmp.Or(f.Message, "A fault of the test")}
	if route.json {
		return oauthErr.response(cmp.Or(f.Status, http.StatusBadRequest))
	}
	if f.Status == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		params, _ := url.ParseQuery(req.query)
		if a, _ := p.parseAuthorization(params); a != nil {
			return redirect(a.errorURL(oauthErr))
		}
	}
	return errorPage(cmp.Or(f.Status, http.StatusBadRequest), oauthErr)
}

// loginBase is the URL above the managed login's paths. Called with p.mu held.
func (p *userPool) loginBase() string {
	if p.url != "" {
		return p.url
	}
	return "https://" + p.domain
}

// loginHost is UserPool's Domain, or empty if the URL has a path. Called with p.mu
// held.
func (p *userPool) loginHost() string {
	u, err := url.Parse(p.loginBase())
	if err != nil || u.Path != "" {
		return ""
	}
	return u.Host
}
