package session

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
)

// SetsCookies reports whether an answer with this header writes or deletes cookies of
// a session. Such an answer must not be stored by a cache (RFC 9111 §7.3).
func (m *Manager) SetsCookies(h http.Header) bool { return m.layout.setsCookies(h) }

// CookieTooLarge reports whether an answer with this header writes a cookie of a
// session that browsers drop for its size (RFC 6265bis §5.6).
func (m *Manager) CookieTooLarge(h http.Header) bool {
	return slices.ContainsFunc(h["Set-Cookie"], func(line string) bool {
		pair, _, _ := strings.Cut(line, ";")
		return m.layout.isOwn(line) && len(pair) > maxCookieBytes+len("=")
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
	cookies := m.layout.forward(r.Header["Cookie"], h["Set-Cookie"])
	r = r.Clone(r.Context())
	r.Header.Del("Cookie")
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	return r
}

// forward returns the Cookie header that a browser would send after it has seen our
// Set-Cookie lines. Other cookies stay as they are. Pairs are compared by their decoded
// names, because a server downstream must not find an old cookie in another spelling.
func (l *layout) forward(header, lines []string) string {
	fresh := make(map[string]string) // by decoded name: the pair, "" if deleted
	var order []string
	for _, line := range lines {
		if !l.isOwn(line) {
			continue
		}
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		key := decodedName(name)
		if _, seen := fresh[key]; !seen {
			order = append(order, key)
			fresh[key] = ""
		}
		// A deletion beside a new value only takes the name's other scope away.
		if value != "" || !strings.Contains(attributes, "Max-Age=0") {
			fresh[key] = pair
		}
	}
	var pairs []string
	for _, h := range header {
		for pair := range strings.SplitSeq(h, ";") {
			name, _, _ := cookie.Next(pair)
			pair = strings.Trim(pair, " \t")
			if _, seen := fresh[decodedName(name)]; !seen && pair != "" {
				pairs = append(pairs, pair)
			}
		}
	}
	for _, key := range order {
		if fresh[key] != "" {
			pairs = append(pairs, fresh[key])
		}
	}
	return strings.Join(pairs, "; ")
}

func decodedName(name string) string {
	if d, ok := percent.Decode(name); ok {
		return d
	}
	return name
}
