package middleware

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// maxReturnPath bounds a return path. Percent-encoded it is up to three times as
// long, and proxies refuse answers whose header is too large.
const maxReturnPath = 2048

// isLocalPath reports whether every reader takes s for a path of this site, with or
// without a query. A path begins with one slash, not two (WHATWG URL §4.4). Browsers
// drop tabs and line breaks from a URL and take "\" for "/", so that
// "/\t/evil.example" and "/\evil.example" name other sites.
func isLocalPath(s string) bool {
	if s == "" || s[0] != '/' || len(s) > 1 && s[1] == '/' {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\\' || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// signInURL returns the sign-in page with the return path. It is never built from Host,
// which the client chooses.
func (a *Auth) signInURL(r *http.Request) string {
	target, ok := a.browserTarget(r)
	if !ok || a.signInTo == "" || len(target) > maxReturnPath || !isLocalPath(target) {
		return a.cfg.SignIn
	}
	if a.signIn.Host != "" {
		target = a.cfg.Origin + target // the sign-in page is on another site
	}
	return a.signInTo + url.QueryEscape(target)
}

// ReturnTo returns where to send a user who has just signed in: the value of
// ReturnParam if it is a path of this site, otherwise AfterSignIn. It reads r.Form if
// the form has been parsed, and the query if not. It never names another site, so
// that you may redirect to it.
//
// A path of Routes is refused: a link could sign a user in and out again. A path with
// dot segments is refused, because browsers send none, and a router that cleans
// "/.//evil.example" may redirect to "//evil.example".
func (a *Auth) ReturnTo(r *http.Request) string {
	if a.cfg.ReturnParam == "-" {
		return a.cfg.AfterSignIn
	}
	values := r.Form
	if values == nil {
		values = r.URL.Query()
	}
	to := values.Get(a.cfg.ReturnParam)
	if len(to) > maxReturnPath || !isLocalPath(to) {
		return a.cfg.AfterSignIn
	}
	u, err := url.Parse(to)
	if err != nil || hasDotSegment(u.Path) || a.isRoute(path.Clean(u.Path)) {
		return a.cfg.AfterSignIn
	}
	return to
}

// redirect sends the browser to a URL with a GET.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", asciiURL(to))
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusFound)
}

// asciiURL percent-encodes the bytes that a header cannot hold. Not all browsers read
// bytes beyond ASCII as UTF-8.
func asciiURL(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
