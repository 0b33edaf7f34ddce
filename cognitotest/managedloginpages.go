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
	// The style is in the page, named by its hash, and nothing else is allowed.
	// There is no form-action: browsers apply it to the redirects after a form
	// too, which lead to the app and from there anywhere.
	policy = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// pageData fills managedlogin.html.
type pageData struct {
	Title     string
	Style     template.CSS
	CSRF      string
	Query     template.URL // the authorization request, for links and forms
	Providers []providerLink
	Provider  string // of the provider's own page
	Fault     *fieldFault
	Username  string
	Email     string
	Error     *oauthError
}

// Invalid reports whether the fault is of that field.
func (d *pageData) Invalid(field string) bool { return d.Fault != nil && d.Fault.Field == field }

type providerLink struct {
	Label string
	Query template.URL
}

func (d *pageData) render(name string, status int) *reply {
	d.Style = template.CSS(style)
	var b bytes.Buffer
	must(pages.ExecuteTemplate(&b, name, d))
	return &reply{
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

// errorPage is for what the app must not hear of.
func errorPage(status int, e *oauthError) *reply {
	d := &pageData{Title: "An error was encountered with the requested page", Error: e}
	return d.render("error", status)
}

// form renders a page with a form that continues a. Called with p.mu held.
func (p *pool) form(v *visit, a *authorization, name string, d *pageData) *reply {
	d.Query = template.URL(a.params.Encode())
	csrf, fresh := v.csrf()
	d.CSRF = csrf
	status := http.StatusOK
	if d.Fault != nil {
		status = http.StatusBadRequest
	}
	r := d.render(name, status)
	if fresh {
		r.setCookie(p.cookie(v, csrfCookie, csrf, 0))
	}
	return r
}

// visitForm serves a form that was sent: a forged or cancelled one by itself,
// others with serve, under p.mu.
func (p *pool) visitForm(v *visit, serve func(*authorization) *reply) *reply {
	return p.visitAuthorization(v, func(a *authorization) *reply {
		switch {
		case !v.genuine():
			return errorPage(http.StatusForbidden, &oauthError{"invalid_csrf_token",
				"The form did not come from this page, or the browser keeps no cookies. Go back, reload the page and try again."})
		case v.form.Has("cancel"):
			return redirect(a.refuse(&oauthError{"access_denied", "User cancelled"}))
		}
		return serve(a)
	})
}

func (p *pool) loginPage(v *visit) *reply {
	return p.visitAuthorization(v, func(a *authorization) *reply {
		return p.loginForm(v, a, a.nameHint, nil)
	})
}

// loginForm is the sign-in page. Called with p.mu held.
func (p *pool) loginForm(v *visit, a *authorization, username string, fault *fieldFault) *reply {
	d := &pageData{Title: "Sign in", Username: username, Fault: fault}
	for _, name := range a.settings.Providers {
		q := maps.Clone(a.params)
		q.Set("identity_provider", name)
		d.Providers = append(d.Providers, providerLink{providerLabel(name), template.URL(q.Encode())})
	}
	return p.form(v, a, "login", d)
}

// postLogin checks name and password. Called without p.mu.
func (p *pool) postLogin(v *visit) *reply {
	return p.visitForm(v, func(a *authorization) *reply {
		username := strings.TrimSpace(v.form.Get("username"))
		password := v.form.Get("password")
		user := p.login(username)
		switch {
		case user == nil || user.Password == "" || !hmac.Equal([]byte(user.Password), []byte(password)):
			return p.loginForm(v, a, username, &fieldFault{"password", "Incorrect username or password."})
		case user.Disabled:
			return p.loginForm(v, a, username, &fieldFault{"username", "User is disabled."})
		}
		a.provider = "" // the pool's own, whatever was asked for
		return p.remember(v, a, user)
	})
}

func (p *pool) signupPage(v *visit) *reply {
	return p.visitAuthorization(v, func(a *authorization) *reply {
		return p.form(v, a, "signup", &pageData{Title: "Sign up", Username: a.nameHint})
	})
}

// postSignup makes a user and signs it in.
func (p *pool) postSignup(v *visit) *reply {
	return p.visitForm(v, func(a *authorization) *reply {
		username, email := strings.TrimSpace(v.form.Get("username")), strings.TrimSpace(v.form.Get("email"))
		user, fault := p.signUp(username, email, v.form.Get("password"))
		if fault != nil {
			return p.form(v, a, "signup", &pageData{Title: "Sign up", Username: username, Email: email, Fault: fault})
		}
		a.provider = ""
		return p.remember(v, a, user)
	})
}

// providerPage stands for the site of an external identity provider. There is no
// protocol between it and the pool to emulate: an app never sees it.
func (p *pool) providerPage(v *visit) *reply {
	return p.visitAuthorization(v, func(a *authorization) *reply {
		return p.providerForm(v, a, a.nameHint, nil)
	})
}

func (p *pool) providerForm(v *visit, a *authorization, name string, fault *fieldFault) *reply {
	if a.provider == "" {
		return redirect("login?" + v.query)
	}
	label := providerLabel(a.provider)
	return p.form(v, a, "provider", &pageData{Title: "Sign in with " + label, Provider: label, Username: name, Fault: fault})
}

func (p *pool) postProvider(v *visit) *reply {
	return p.visitForm(v, func(a *authorization) *reply {
		name := strings.TrimSpace(v.form.Get("name"))
		if a.provider == "" {
			return p.providerForm(v, a, name, nil)
		}
		user, fault := p.federate(a.provider, name, v.now)
		if fault != nil {
			return p.providerForm(v, a, name, fault)
		}
		return p.remember(v, a, user)
	})
}

// providerLabel is what people call a provider: Cognito's names for two of them
// are verbs, and other names have no spaces.
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

// logout ends the browser's session, and goes to a sign-out URL, or to the
// sign-in page with the parameters of an authorization request.
func (p *pool) logout(v *visit) *reply {
	if v.faulty {
		return errorPage(http.StatusBadRequest, &oauthError{"invalid_request", "The request is malformed."})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clientID, uri := v.params.Get("client_id"), v.params.Get("logout_uri")
	_, known := p.clients[clientID]
	var refused *oauthError
	target := uri
	switch {
	case !known:
		refused = &oauthError{"invalid_request", "Client does not exist."}
	case v.params.Has("logout_uri"):
		if !allows(p.loginSettings[clientID].LogoutURIs, uri) {
			refused = &oauthError{"redirect_mismatch", "logout_uri is none of the app client's sign-out URLs."}
		}
	case v.params.Has("redirect_uri"):
		a, fault := p.authorization(v.params)
		switch {
		case a == nil:
			refused = fault
		case fault != nil:
			target = a.refuse(fault)
		default:
			target = "login?" + v.query
		}
	default:
		refused = &oauthError{"invalid_request", "logout_uri or redirect_uri is missing."}
	}
	if refused != nil {
		return errorPage(http.StatusBadRequest, refused)
	}
	p.forget(v)
	r := redirect(target)
	r.setCookie(p.cookie(v, sessionCookie, "", -1))
	return r
}
