package middleware

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"strings"
	"unicode"
)

// htmlStyle is the look of the default page. Its colors have a contrast of at least 4.5 to
// 1 in both schemes (WCAG 2.2, 1.4.3), and links and buttons are as high as a finger.
const htmlStyle = `:root{color-scheme:light dark;--page:#fff;--text:#1b1b1f;--soft:#55555e;--link:#0b57d0;font:1.0625rem/1.5 system-ui,sans-serif}
@media (prefers-color-scheme:dark){:root{--page:#16161a;--text:#e6e6ea;--soft:#b9b9c2;--link:#a8c7fa}}
body{max-width:36rem;margin:12vh auto;padding:0 1.25rem;background:var(--page);color:var(--text);overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}
ul{padding-left:1.25rem;color:var(--soft)}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:2rem}
a,button{box-sizing:border-box;display:inline-block;min-height:2.75rem;padding:.5rem 1rem;border:1px solid var(--link);border-radius:.375rem;background:none;color:var(--link);font:inherit;text-decoration:none;cursor:pointer}
.actions>:first-child,.actions>:first-child button{background:var(--link);color:var(--page)}
.actions>form:first-child{background:none}
a:hover,button:hover{text-decoration:underline}
a:focus-visible,button:focus-visible{outline:3px solid var(--text);outline-offset:3px}`

// html returns the default page.
//
// It is not a template: templates call methods by name, so a program that links them keeps
// every method of every type, such as all operations of the AWS SDK.
func (p *Page) html() string {
	var b strings.Builder
	write := func(format string, texts ...string) {
		escaped := make([]any, len(texts))
		for i, text := range texts {
			escaped[i] = html.EscapeString(text)
		}
		fmt.Fprintf(&b, format, escaped...)
	}
	write(`<!DOCTYPE html>
<html lang="%s">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
`, p.Lang)
	if p.Continue != "" {
		write("<meta http-equiv=\"refresh\" content=\"0;url=%s\">\n", webLink(p.Continue))
	}
	write("<title>%s</title>\n<style>", p.Title)
	b.WriteString(htmlStyle)
	write("</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n", p.Title)
	if p.Text != "" {
		write("<p>%s</p>\n", p.Text)
	}
	switch {
	case p.Detail == "":
	case p.Lang == "en":
		write("<p>The sign-in service says: %s</p>\n", p.Detail)
	default: // the words around it would be English on a page that is not
		write("<p>%s</p>\n", p.Detail)
	}
	if len(p.Causes) > 0 {
		write("<ul>\n")
		for _, cause := range p.Causes {
			write("<li>%s</li>\n", cause)
		}
		write("</ul>\n")
	}
	if len(p.Actions) > 0 {
		write("<div class=\"actions\">\n")
		for _, action := range p.Actions {
			switch to := webLink(action.URL); {
			case action.Post:
				write("<form method=\"post\" action=\"%s\"><button>%s</button></form>\n", to, action.Text)
			case action.WholeTab:
				write("<a href=\"%s\" target=\"_top\">%s</a>\n", to, action.Text)
			default:
				write("<a href=\"%s\">%s</a>\n", to, action.Text)
			}
		}
		write("</div>\n")
	}
	write("</main>\n</body>\n</html>\n")
	return b.String()
}

// webLink returns a URL if it leads to a path or a website. Config.Page may have set it
// from data, and "javascript:" would run a script.
func webLink(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return "#"
	}
	return to
}

// defaultContentPolicy allows nothing but the default page's own style.
var defaultContentPolicy = func() string {
	sum := sha256.Sum256([]byte(htmlStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// pagePolicy is the part of the Content-Security-Policy that no page goes without. Browsers
// apply form-action to the redirects of the form's answer too, which lead to the managed
// login and on to the user's identity provider.
func (a *Auth) pagePolicy(kind PageKind) string {
	policy := "form-action 'self' https:"
	if login := a.cfg.UserPool.LoginURL(); strings.HasPrefix(login, "http:") { // an emulator's
		policy += " " + login
	}
	return policy + "; base-uri 'none'; frame-ancestors " + frameAncestors(kind)
}

// frameAncestors returns who may have the page in a frame. The confirmation of a sign-out
// has a button, which another site could have the user click unawares. A link that opens
// the sign-in in the whole tab may be on any page anyway.
func frameAncestors(kind PageKind) string {
	switch kind {
	case PageInFrame:
		return "*"
	case PageSignOut:
		return "'self'"
	}
	return "'none'"
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
