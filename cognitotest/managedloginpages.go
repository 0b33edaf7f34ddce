package cognitotest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"strings"
)

//go:embed managedlogin.html managedlogin.css
var pageFiles embed.FS

var (
	pages    = template.Must(template.ParseFS(pageFiles, "managedlogin.html"))
	style, _ = pageFiles.ReadFile("managedlogin.css")
	// The page contains its style, which the policy allows by its hash. There is no
	// form-action: browsers apply it to the redirects after a form too, which lead
	// to the app and from there anywhere.
	policy = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// pageData fills managedlogin.html.
type pageData struct {
	Title      string
	Style      template.CSS
	CSRF       string
	Query      template.URL // the authorization request, for links and forms
	Providers  []providerLink
	Provider   string // of the provider's own page
	FieldError *fieldError
	Username   string
	Email      string
	Error      *oauthError
}

// Invalid reports whether the error is about that field.
func (d *pageData) Invalid(field string) bool {
	return d.FieldError != nil && d.FieldError.Field == field
}

type providerLink struct {
	Label string
	Query template.URL
}

func (d *pageData) render(name string, status int) *response {
	d.Style = template.CSS(style)
	var b bytes.Buffer
	must(pages.ExecuteTemplate(&b, name, d))
	return &response{
		status:      status,
		contentType: "text/html; charset=utf-8",
		page:        true,
		header: http.Header{
			"Cache-Control":           {noStore},
			"Content-Security-Policy": {policy},
			"Referrer-Policy":         {"same-origin"},
			"X-Content-Type-Options":  {"nosniff"},
			"X-Frame-Options":         {"DENY"},
		},
		body: b.Bytes(),
	}
}

// errorPage shows an error that must not be sent to the app.
func errorPage(status int, e *oauthError) *response {
	d := &pageData{Title: "An error was encountered with the requested page", Error: e}
	return d.render("error", status)
}

// form renders a page with a form for the authorization request. Called with p.mu
// held.
func (p *userPool) form(req *loginRequest, a *authorizationRequest, name string, d *pageData) *response {
	d.Query = template.URL(a.params.Encode())
	csrf, fresh := req.csrf()
	d.CSRF = csrf
	status := http.StatusOK
	if d.FieldError != nil {
		status = http.StatusBadRequest
	}
	r := d.render(name, status)
	if fresh {
		r.setCookie(p.cookie(req, csrfCookie, csrf, 0))
	}
	return r
}

// serveForm serves a form that a browser sent. It refuses a forged form and ends a
// cancelled one. It passes others to serve, with p.mu held.
func (p *userPool) serveForm(req *loginRequest, serve func(*authorizationRequest) *response) *response {
	return p.serveAuthorization(req, func(a *authorizationRequest) *response {
		switch {
		case !req.hasCSRFToken():
			return errorPage(http.StatusForbidden, &oauthError{"invalid_csrf_token",
				"The form did not come from this page, or the browser keeps no cookies. Go back, reload the page and try again."})
		case req.form.Has("cancel"):
			return redirect(a.errorURL(&oauthError{"access_denied", "User cancelled"}))
		}
		return serve(a)
	})
}

func (p *userPool) loginPage(req *loginRequest) *response {
	return p.serveAuthorization(req, func(a *authorizationRequest) *response {
		return p.loginForm(req, a, a.nameHint, nil)
	})
}

// loginForm is the sign-in page. Called with p.mu held.
func (p *userPool) loginForm(req *loginRequest, a *authorizationRequest, username string, fieldErr *fieldError) *response {
	d := &pageData{Title: "Sign in", Username: username, FieldError: fieldErr}
	for _, name := range a.settings.Providers {
		q := maps.Clone(a.params)
		q.Set("identity_provider", name)
		d.Providers = append(d.Providers, providerLink{providerLabel(name), template.URL(q.Encode())})
	}
	return p.form(req, a, "login", d)
}

// postLogin checks username and password.
func (p *userPool) postLogin(req *loginRequest) *response {
	return p.serveForm(req, func(a *authorizationRequest) *response {
		username := strings.TrimSpace(req.form.Get("username"))
		password := req.form.Get("password")
		user := p.findUser(username)
		switch {
		case user == nil || user.Password == "" || !hmac.Equal([]byte(user.Password), []byte(password)):
			return p.loginForm(req, a, username, &fieldError{"password", "Incorrect username or password."})
		case user.Disabled:
			return p.loginForm(req, a, username, &fieldError{"username", "User is disabled."})
		}
		a.provider = "" // a user of the user pool itself, whatever provider was requested
		return p.startLoginSession(req, a, user)
	})
}

func (p *userPool) signupPage(req *loginRequest) *response {
	return p.serveAuthorization(req, func(a *authorizationRequest) *response {
		return p.form(req, a, "signup", &pageData{Title: "Sign up", Username: a.nameHint})
	})
}

// postSignup adds a user and signs the user in.
func (p *userPool) postSignup(req *loginRequest) *response {
	return p.serveForm(req, func(a *authorizationRequest) *response {
		username, email := strings.TrimSpace(req.form.Get("username")), strings.TrimSpace(req.form.Get("email"))
		user, fieldErr := p.signUp(username, email, req.form.Get("password"))
		if fieldErr != nil {
			return p.form(req, a, "signup", &pageData{Title: "Sign up", Username: username, Email: email, FieldError: fieldErr})
		}
		a.provider = ""
		return p.startLoginSession(req, a, user)
	})
}

// providerPage stands for the site of an external identity provider. The protocol
// between it and the user pool is not emulated: an app never sees it.
func (p *userPool) providerPage(req *loginRequest) *response {
	return p.serveAuthorization(req, func(a *authorizationRequest) *response {
		return p.providerForm(req, a, a.nameHint, nil)
	})
}

func (p *userPool) providerForm(req *loginRequest, a *authorizationRequest, name string, fieldErr *fieldError) *response {
	if a.provider == "" {
		return redirect("login?" + req.query)
	}
	label := providerLabel(a.provider)
	return p.form(req, a, "provider", &pageData{Title: "Sign in with " + label, Provider: label, Username: name, FieldError: fieldErr})
}

func (p *userPool) postProvider(req *loginRequest) *response {
	return p.serveForm(req, func(a *authorizationRequest) *response {
		name := strings.TrimSpace(req.form.Get("name"))
		if a.provider == "" {
			return p.providerForm(req, a, name, nil)
		}
		user, fieldErr := p.federate(a.provider, name, req.now)
		if fieldErr != nil {
			return p.providerForm(req, a, name, fieldErr)
		}
		return p.startLoginSession(req, a, user)
	})
}

// providerLabel is the provider's name for people: two of Cognito's names are
// verbs, and none has a space.
func providerLabel(name string) string {
	switch name {
	case "LoginWithAmazon":
		return "Amazon"
	case "SignInWithApple":
		return "Apple"
	case "EmulatorProvider":
		return "Emulator Provider"
	}
	return name
}

// logout ends the browser's session. It redirects to a sign-out URL or, with the
// parameters of an authorization request, to the sign-in page.
func (p *userPool) logout(req *loginRequest) *response {
	if req.malformed {
		return errorPage(http.StatusBadRequest, &oauthError{"invalid_request", "The request is malformed."})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clientID, uri := req.params.Get("client_id"), req.params.Get("logout_uri")
	_, known := p.clients[clientID]
	var oauthErr *oauthError
	target := uri
	switch {
	case !known:
		oauthErr = &oauthError{"invalid_request", "Client does not exist."}
	case req.params.Has("logout_uri"):
		if !allows(p.loginSettings[clientID].LogoutURIs, uri) {
			oauthErr = &oauthError{"redirect_mismatch", "logout_uri is none of the app client's sign-out URLs."}
		}
	case req.params.Has("redirect_uri"):
		a, err := p.parseAuthorization(req.params)
		switch {
		case a == nil:
			oauthErr = err
		case err != nil:
			target = a.errorURL(err)
		default:
			target = "login?" + req.query
		}
	default:
		oauthErr = &oauthError{"invalid_request", "logout_uri or redirect_uri is missing."}
	}
	if oauthErr != nil {
		return errorPage(http.StatusBadRequest, oauthErr)
	}
	p.endLoginSession(req)
	r := redirect(target)
	r.setCookie(p.cookie(req, sessionCookie, "", -1))
	return r
}
