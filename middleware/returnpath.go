package middleware

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/configerr"
)

// maxReturnPath bounds a return path, without its origin. Percent-encoded it is up to
// three times as long, and proxies refuse answers whose header is too large.
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

// isReturnPath reports whether a user may be sent to a path after the sign-in.
func (a *Auth) isReturnPath(to string) bool {
	// A router behind BasePath could take "/app//evil.example" for another site.
	if len(to) > maxReturnPath || !isLocalPath(to) || strings.HasPrefix(to, a.cfg.BasePath+"//") {
		return false
	}
	p, ok := pathOf(to)
	return ok && !hasDotSegment(p) && !a.isRoute(path.Clean(p))
}

// pathOf returns the decoded path of a path with or without a query. Only a path with
// escapes or a fragment needs url.Parse.
func pathOf(target string) (p string, ok bool) {
	if strings.IndexByte(target, '%') < 0 && strings.IndexByte(target, '#') < 0 {
		p, _, _ = strings.Cut(target, "?")
		return p, true
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", false
	}
	return u.Path, true
}

// signInURL returns the sign-in page with the return path. It is never built from Host,
// which the client chooses. A sign-in page on another site gets a URL of Origin, which
// its ReturnOrigins have to name.
func (a *Auth) signInURL(r *http.Request) string {
	target, ok := a.browserTarget(r)
	if !ok || a.signInTo == "" || !a.isReturnPath(target) {
		return a.signInHome
	}
	if a.signIn.Host != "" {
		target = a.cfg.Origin + target
	}
	return a.signInTo + url.QueryEscape(target)
}

// ReturnTo returns where to send a user who has just signed in: the value of ReturnParam
// if it is a path of this site, otherwise AfterSignIn. A URL of Origin counts as its
// path. A URL of one of ReturnOrigins is returned whole; without these, ReturnTo never
// names another site. You may redirect to it. ReturnTo reads r.Form if the form has been
// parsed, and the query if not.
//
// A path of Routes is refused: a link could sign a user in and out again. A path with
// dot segments is refused, because browsers send none, and a router that cleans
// "/.//evil.example" may redirect to "//evil.example". A path and query of more than
// 2048 bytes is refused.
func (a *Auth) ReturnTo(r *http.Request) string {
	if a.cfg.ReturnParam == "-" {
		return a.cfg.AfterSignIn
	}
	values := r.Form
	if values == nil {
		values = r.URL.Query()
	}
	origin, to := a.cutOrigin(values.Get(a.cfg.ReturnParam))
	if !a.isReturnPath(to) {
		return a.cfg.AfterSignIn
	}
	if origin == a.cfg.Origin {
		return to
	}
	return origin + to
}

// cutOrigin splits a URL of Origin or one of ReturnOrigins into origin and path. Any other
// value is returned as the path. The origin counts only if it is written byte for byte as
// it is configured, and ends where every reader sees its end. So it has no user, other
// port, dot or letter that could make it another site's.
func (a *Auth) cutOrigin(value string) (origin, path string) {
	for _, origin := range a.origins {
		path, ok := strings.CutPrefix(value, origin)
		switch {
		case !ok:
		case path == "" || path[0] == '?' || path[0] == '#':
			return origin, "/" + path
		case path[0] == '/':
			return origin, path
		}
	}
	return "", value
}

// homeOf returns where a user arrives whose return path is lost: AfterSignIn, or the home
// page of the other site.
func (a *Auth) homeOf(returnPath string) string {
	if origin, _ := a.cutOrigin(returnPath); origin != "" {
		return origin + "/"
	}
	return a.cfg.AfterSignIn
}

// configureReturnOrigins sets the origins that a return path may name.
func (a *Auth) configureReturnOrigins(configErrors *configerr.List) {
	cfg := &a.cfg
	if len(cfg.ReturnOrigins) > 0 && cfg.ReturnParam == "-" {
		configErrors.Add("ReturnOrigins", `are not used, because ReturnParam is "-"`)
	}
	for i, s := range cfg.ReturnOrigins {
		field := fmt.Sprintf("ReturnOrigins[%d]", i)
		origin, err := parseOrigin(s)
		if configErrors.Join(field, err); err == nil && isInsecure(origin, cfg) {
			configErrors.Add(field, "%q is not https, and Cookies.Insecure is not set", s)
		}
	}
	if cfg.Origin != "" {
		a.origins = append(a.origins, cfg.Origin)
	}
	a.origins = append(a.origins, cfg.ReturnOrigins...)
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
