package middleware

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// htmlPage is the text of a page of Routes. The template escapes all of it.
type htmlPage struct {
	Title  string
	Text   string
	Detail string // from Cognito, for a state that this browser knows
	Causes []string

	Again    string // a link that starts the sign-in again
	Continue string // where the browser goes at once
	Confirm  string // the action of a form that signs out
	WholeTab string // a link that leaves the frame; the page may be in any frame
}

const htmlStyle = `:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:36rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.5rem;line-height:1.2}a,button{font:inherit}button{padding:.5rem 1rem}`

var htmlTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
{{with .Continue}}<meta http-equiv="refresh" content="0;url={{.}}">
{{end}}<title>{{.Title}}</title>
<style>` + htmlStyle + `</style>
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
{{end}}{{with .WholeTab}}<p><a href="{{.}}" target="_top">Sign in</a></p>
{{end}}{{with .Continue}}<p><a href="{{.}}">Continue</a></p>
{{end}}{{with .Again}}<p><a href="{{.}}">Sign in again</a></p>
{{end}}</main>
</body>
</html>
`))

// contentSecurityPolicy allows nothing but the page's own style and form. Browsers
// apply form-action to the redirects of the form's answer too, which lead to the
// managed login and on to the user's identity provider.
// ancestors are the pages that may have this one in a frame.
func (a *Auth) contentSecurityPolicy(ancestors string) string {
	sum := sha256.Sum256([]byte(htmlStyle))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self' https:"
	if login := a.cfg.UserPool.LoginURL(); strings.HasPrefix(login, "http:") { // an emulator's
		policy += " " + login
	}
	return policy + "; base-uri 'none'; frame-ancestors " + ancestors
}

// frameAncestors returns who may have the page in a frame. The confirmation of a sign-out
// has a button, which another site could have the user click unawares. A link that opens
// the sign-in in the whole tab may be on any page anyway.
func (p *htmlPage) frameAncestors() string {
	switch {
	case p.WholeTab != "":
		return "*"
	case p.Confirm != "":
		return "'self'"
	}
	return "'none'"
}

// serveHTMLPage answers with a page of Routes.
func (a *Auth) serveHTMLPage(w http.ResponseWriter, r *http.Request, status int, p htmlPage) {
	h := w.Header()
	cookie.NoStore(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", a.contentSecurityPolicy(p.frameAncestors()))
	h.Set("Referrer-Policy", "no-referrer") // the URL holds a code
	if p.Confirm != "" {
		// With no-referrer, browsers send "Origin: null" with the form (Fetch §3.1). The
		// sign-out judges a browser without Sec-Fetch-Site by Origin.
		h.Set("Referrer-Policy", "same-origin")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = htmlTemplate.Execute(w, p) // it fails only if the browser has gone away
	}
}

// maxDetail is the longest text that a page quotes, in characters.
const maxDetail = 300

// printable shortens a text of Cognito's so that a page can quote it, and replaces the
// characters that would change how the rest of the page looks.
func printable(s string) string {
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

// signInLink returns a link that starts a sign-in with a return path.
func (a *Auth) signInLink(returnPath string) string {
	link := a.cfg.RoutesPath + "/sign-in"
	if a.cfg.ReturnParam != "-" && returnPath != a.cfg.AfterSignIn {
		link += "?" + a.cfg.ReturnParam + "=" + url.QueryEscape(returnPath)
	}
	return link
}
