package middleware

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// pageText is what a page of the routes says. All of it is escaped.
type pageText struct {
	Title  string
	Text   string
	Detail string // from Cognito, for a state that we know
	Causes []string

	Again    string // a link to begin again
	Continue string // where to go on at once
	Confirm  string // a form's action that asks to go on
}

const pageStyle = `:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:36rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.5rem;line-height:1.2}a,button{font:inherit}button{padding:.5rem 1rem}`

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
{{with .Continue}}<meta http-equiv="refresh" content="0;url={{.}}">
{{end}}<title>{{.Title}}</title>
<style>` + pageStyle + `</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
{{with .Text}}<p>{{.}}</p>
{{end}}{{with .Detail}}<p>The sign-in service says: {{.}}</p>
{{end}}{{with .Causes}}<ul>
{{range .}}<li>{{.}}</li>
{{end}}</ul>
{{end}}{{with .Confirm}}<form method="post" action="{{.}}"><button>Sign out</button></form>
{{end}}{{with .Continue}}<p><a href="{{.}}">Continue</a></p>
{{end}}{{with .Again}}<p><a href="{{.}}">Sign in again</a></p>
{{end}}</main>
</body>
</html>
`))

// pagePolicy allows nothing but the page's own style and form. Browsers hold
// form-action against the redirects of the form's answer too, which lead to the
// managed login and on to whatever provider the user came from.
func (a *Auth) pagePolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self' https:"
	if login := a.cfg.UserPool.LoginURL(); strings.HasPrefix(login, "http:") { // an emulator's
		policy += " " + login
	}
	return policy + "; base-uri 'none'; frame-ancestors 'none'"
}

// servePage answers with a page of the routes.
func (a *Auth) servePage(w http.ResponseWriter, r *http.Request, status int, text pageText) {
	h := w.Header()
	unstorable(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", a.pagePolicy())
	h.Set("Referrer-Policy", "no-referrer") // the URL holds a code
	if text.Confirm != "" {
		// With no-referrer browsers send "Origin: null" with the form (Fetch §3.1),
		// and those that have to confirm are judged by their Origin.
		h.Set("Referrer-Policy", "same-origin")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// An error here is the browser's going away.
		_ = pageTemplate.Execute(w, text)
	}
}

// maxDetail bounds what a page quotes, in characters.
const maxDetail = 300

// oneLine makes a text of somebody else's fit to be quoted: not too long, and
// without characters that would change how the page around it looks.
func oneLine(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if n++; n > maxDetail {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) && r != '\uFFFD' { // controls, bidirectional marks
			r = ' '
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// signInAgain is a link that begins a sign-in with the same way back.
func (a *Auth) signInAgain(next string) string {
	link := a.cfg.RoutesPath + "/sign-in"
	if a.cfg.ReturnParam != "-" && next != a.cfg.AfterSignIn {
		link += "?" + a.cfg.ReturnParam + "=" + url.QueryEscape(next)
	}
	return link
}

// looping reports whether the user has signed in twice within a minute and the
// browser has no session all the same: to sign in again would not help.
func (a *Auth) looping(r *http.Request) bool {
	return a.login != nil && strings.HasPrefix(a.marker(r), "2")
}

// serveLoop says what keeps the browser from holding the session.
func (a *Auth) serveLoop(w http.ResponseWriter, r *http.Request) {
	var causes []string
	if strings.Contains(a.marker(r), "large") {
		causes = append(causes, "The user has so many groups or claims that a token does not fit into a cookie. The operator has to make the tokens smaller.")
	}
	if !a.cfg.Cookies.Insecure && r.TLS == nil && r.Header.Get("X-Forwarded-Proto") == "http" {
		causes = append(causes, "The page came over http, and the cookies are for https only. The operator has to redirect http to https.")
	}
	if len(causes) == 0 {
		if d := a.cfg.Cookies.Domain; d != "" {
			causes = append(causes, "Cookies are set for the domain "+d+", which the browser may not accept from this site. The operator has to look at Cookies.Domain.")
		}
		causes = append(causes, "The browser may be set to keep no cookies for this site.")
	}
	a.servePage(w, r, http.StatusBadRequest, pageText{
		Title: "You have signed in, and this browser does not keep it",
		Text:  "To sign in again would lead here again.", Causes: causes, Again: a.signInAgain(a.cfg.AfterSignIn),
	})
}
