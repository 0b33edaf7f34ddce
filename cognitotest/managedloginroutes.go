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
	op    string // for Calls and faults
	get   func(*pool, *visit) *reply
	post  func(*pool, *visit) *reply
	plain bool // answers programs with JSON, not people with pages
}

var loginRoutes map[string]loginRoute

func init() { // the handlers use the map themselves
	loginRoutes = map[string]loginRoute{
		"/oauth2/authorize": {op: "Authorize", get: (*pool).authorizePage},
		"/login":            {op: "Login", get: (*pool).loginPage, post: (*pool).postLogin},
		"/idp":              {op: "Login", get: (*pool).providerPage, post: (*pool).postProvider},
		"/signup":           {op: "Signup", get: (*pool).signupPage, post: (*pool).postSignup},
		"/logout":           {op: "Logout", get: (*pool).logout},
		"/oauth2/token":     {op: "Token", post: (*pool).tokenEndpoint, plain: true},
		"/oauth2/revoke":    {op: "Revoke", post: (*pool).revokeEndpoint, plain: true},
		"/oauth2/userInfo":  {op: "UserInfo", get: (*pool).userInfo, post: (*pool).userInfo, plain: true},
	}
}

// visit is a request to the managed login.
type visit struct {
	*request
	now    time.Time
	params url.Values // of the URL
	form   url.Values // of a POST
	faulty bool       // what was sent is no form
}

// routeLogin is route for the managed login. On AWS it has a host of its own;
// behind SetURL all is one.
func (p *pool) routeLogin(req *request) (op string, run func() *reply, ok bool) {
	if strings.HasSuffix(p.awsIssuer, req.host+"/"+p.id) {
		return "", nil, false // the host of the API, issuer- or not
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
		return "", func() *reply { return notAllowed(route) }, true
	}
	return route.op, func() *reply { return handler(p, newVisit(req, p.time())) }, true
}

func newVisit(req *request, now time.Time) *visit {
	v := &visit{request: req, now: now}
	var err error
	v.params, err = url.ParseQuery(req.query)
	v.faulty = err != nil
	if req.method == http.MethodPost {
		media, _, err := mime.ParseMediaType(req.header.Get("Content-Type"))
		if err != nil || media != "application/x-www-form-urlencoded" {
			v.faulty = true
			return v
		}
		v.form, err = url.ParseQuery(string(req.body))
		v.faulty = v.faulty || err != nil
	}
	return v
}

func notAllowed(route loginRoute) *reply {
	var allow []string
	if route.get != nil {
		allow = append(allow, http.MethodGet)
	}
	if route.post != nil {
		allow = append(allow, http.MethodPost)
	}
	return &reply{
		status:      http.StatusMethodNotAllowed,
		contentType: "text/plain; charset=utf-8",
		header:      http.Header{"Allow": {strings.Join(allow, ", ")}},
		body:        []byte("method not allowed\n"),
	}
}

// redirect sends a browser on. A relative target holds below whatever path the
// Server is mounted at.
func redirect(target string) *reply {
	return &reply{
		status: http.StatusFound,
		page:   true,
		header: http.Header{"Location": {target}, "Cache-Control": {noStore}},
	}
}

const noStore = "no-cache, no-store, max-age=0, must-revalidate"

// loginFault is the reply that a fault puts in the place of the managed login's
// own; nil if op is not the managed login's.
func (p *pool) loginFault(op string, f Fault, req *request) *reply {
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
	refused := &oauthError{code, cmp.Or(f.Message, "A fault of the test")}
	if route.plain {
		return refused.reply(cmp.Or(f.Status, http.StatusBadRequest))
	}
	if f.Status == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		params, _ := url.ParseQuery(req.query)
		if a, _ := p.authorization(params); a != nil {
			return redirect(a.refuse(refused))
		}
	}
	return errorPage(cmp.Or(f.Status, http.StatusBadRequest), refused)
}

// loginBase is the URL that the managed login's paths are below. Called with
// p.mu held.
func (p *pool) loginBase() string {
	if p.url != "" {
		return p.url
	}
	return "https://" + p.domain
}

// loginHost is UserPool's Domain, which has no room for a path. Called with
// p.mu held.
func (p *pool) loginHost() string {
	u, err := url.Parse(p.loginBase())
	if err != nil || u.Path != "" {
		return ""
	}
	return u.Host
}
