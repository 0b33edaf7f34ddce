package session

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
)

// SetsCookies reports whether an answer with this header writes or deletes cookies of
// a session. Such an answer must not be stored by a cache (RFC 9111 §7.3).
func (m *Manager) SetsCookies(h http.Header) bool {
	return slices.ContainsFunc(h["Set-Cookie"], func(line string) bool {
		return m.names.isOwnLine(line) || m.takeOver.isOwnLine(line)
	})
}

// digestedTail is how much of a cookie's value is digested. A token ends with a signature,
// and what is sealed with a tag. No two end alike.
const digestedTail = 64

// CookieDigest returns a digest of the tokens in a request's cookies, or "" if it has
// none. Two requests have the same digest if the browser holds the same tokens, in any
// order. A guard tells by it that a redirect to the sign-in page has changed nothing.
func (m *Manager) CookieDigest(r *http.Request) string {
	var buffer [10]requestCookie // as in fetch
	cookies := slices.DeleteFunc(m.parseCookies(r.Header, buffer[:0]), func(c requestCookie) bool { return !m.layout.holdsTokens(c) })
	if len(cookies) == 0 {
		return ""
	}
	slices.SortFunc(cookies, func(a, b requestCookie) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	var textBuffer [1024]byte
	text := textBuffer[:0]
	for i := range cookies {
		value := cookies[i].value
		text = append(append(text, cookies[i].name...), '=')
		text = append(append(text, value[max(0, len(value)-digestedTail):]...), ';')
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// CookieTooLarge reports whether an answer with this header writes a cookie of a
// session that browsers drop for its size (RFC 6265bis §5.6).
func (m *Manager) CookieTooLarge(h http.Header) bool {
	return slices.ContainsFunc(h["Set-Cookie"], func(line string) bool {
		pair, _, _ := strings.Cut(line, ";")
		return m.names.isOwnLine(line) && len(pair) > cookie.MaxBytes+len("=")
	})
}

// ForwardCookies returns the request with the cookies that the browser will send next,
// once it has an answer with this header. A guard of your own hands it to the next
// handler after a Fetch, so that nothing refreshes again what was just refreshed. It
// returns r itself if the answer sets no cookie of a session.
func (m *Manager) ForwardCookies(r *http.Request, h http.Header) *http.Request {
	if !m.SetsCookies(h) {
		return r
	}
	cookies := cookie.Forward(r.Header["Cookie"], h["Set-Cookie"], m.names.prefix)
	if m.takeOver != nil {
		for _, n := range []names{m.takeOver.amplify.names, m.takeOver.marker} {
			cookies = cookie.Forward([]string{cookies}, h["Set-Cookie"], n.prefix)
		}
	}
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	return r
}

// answeredCookies returns the cookies that a browser without cookies of the layout has after
// this answer. An earlier Fetch for it may have taken over a session.
func (m *Manager) answeredCookies(w http.ResponseWriter, r *http.Request) requestCookies {
	if w == nil {
		return nil
	}
	return m.parseCookies(m.ForwardCookies(r, w.Header()).Header, nil)
}

// StripCookies returns a copy of r without the cookies of this app client's sessions, for
// an upstream that must not get the user's tokens. It returns r itself if there are none.
// Browsers may still hold cookies of another layout, which are taken off too.
func (m *Manager) StripCookies(r *http.Request) *http.Request {
	client := m.userPool.ClientID + "."
	return cookie.Strip(r, func(name string) bool {
		return strings.HasPrefix(name, namePrefix+client) || sealedcookie.IsName(name, client)
	})
}
