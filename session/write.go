package session

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

const (
	defaultMaxAge = 365 * 24 * time.Hour // Amplify's
	cappedMaxAge  = 400 * 24 * time.Hour // browsers' own cap, RFC 6265bis §5.5
	maxCookie     = 4096                 // name and value; browsers drop longer ones, §5.6
)

// privateNoStore is shared by all answers; it is full, so that whoever appends to it
// copies it.
var privateNoStore = []string{"private, no-store"}

// noStore marks an answer to somebody who is signed in, or whose cookies change:
// no cache may hand it to anybody else. It is done before the handler runs, so
// that a handler's own Cache-Control wins. It allocates nothing unless the answer
// has a Vary of its own.
func noStore(h http.Header) {
	h["Cache-Control"] = privateNoStore[:1:1]
	cookie.Vary(h)
}

// writer puts Set-Cookie lines on an answer.
type writer struct {
	m *Manager
	h http.Header
	j *jar // what the request carried

	// With a Domain, a cookie that is written takes the host-only one of the same
	// name away if the request carried the name this often. 0 leaves it alone.
	twins int
}

func (m *Manager) writer(w http.ResponseWriter, j *jar) *writer {
	noStore(w.Header())
	return &writer{m: m, h: w.Header(), j: j}
}

// set writes a cookie in Amplify's spelling.
func (w *writer) set(user, slot, value string) {
	name := w.m.cookieName(user, slot)
	value = cookie.EncodeValue(value)
	if len(name)+len(value) > maxCookie {
		w.m.warn.tooLarge.Do(func() {
			w.m.log.Warn("session: a cookie is too large, browsers will drop it: put fewer groups or custom claims into the user pool's tokens",
				"cookie", slot, "bytes", len(name)+len(value), "limit", maxCookie)
		})
	}
	w.put(name, w.m.line(name, value, w.m.cookies.MaxAge, w.m.cookies.Domain))
	if w.m.cookies.Domain != "" && w.twins > 0 && w.j.has(user, slot, w.twins) {
		w.expire(name, "")
	}
}

// remove expires every spelling of a cookie that the request carried, and
// Amplify's own spelling in any case if always is set.
func (w *writer) remove(user, slot string, always bool) {
	if always {
		w.removeName(w.m.cookieName(user, slot))
	}
	for i := range w.j.pairs {
		p := &w.j.pairs[i]
		if p.slot == slot && (slot == lastAuthUser || p.is(user)) {
			w.removeName(p.name)
		}
	}
}

// respell expires the other spellings of a cookie that is being written: an older
// adapter's copy would keep an old token alive beside the new one.
func (w *writer) respell(user, slot string) {
	name := w.m.cookieName(user, slot)
	for i := range w.j.pairs {
		p := &w.j.pairs[i]
		if p.slot == slot && p.name != name && p.is(user) {
			w.removeName(p.name)
		}
	}
}

// removeName expires a cookie in every scope that we or Amplify may have written
// it in: a deletion only reaches the cookie with its own Domain.
func (w *writer) removeName(name string) {
	if w.m.cookies.Domain != "" {
		w.expire(name, w.m.cookies.Domain)
	}
	w.expire(name, "")
}

func (w *writer) expire(name, domain string) {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return // no browser keeps such a name, and it must not reach a header
	}
	w.put(name, w.m.line(name, "", 0, domain))
}

// drop takes out all lines of our app client that this answer has so far, such as
// those of a refresh by the guard, when a sign-in or sign-out makes them void.
func (w *writer) drop() {
	w.h["Set-Cookie"] = slices.DeleteFunc(w.h["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, w.m.prefix)
	})
}

// clearOthers expires the request's sessions of this app client, whoever's they
// are, except for the cookies that this answer writes.
func (w *writer) clearOthers() {
	for _, p := range w.j.pairs {
		if slices.Contains(clearedSlots, p.slot) && !w.wrote(p.name) {
			w.removeName(p.name)
		}
	}
}

func (w *writer) wrote(name string) bool {
	return slices.ContainsFunc(w.h["Set-Cookie"], func(line string) bool {
		n, value, _ := strings.Cut(line, "=")
		return n == name && !strings.HasPrefix(value, ";")
	})
}

// put adds a line and takes out an earlier one for the same name and scope: RFC
// 6265 §4.1.1 allows one, and a sign-out replaces a refresh of the same answer.
func (w *writer) put(name, line string) {
	scope := strings.Contains(line, "; Domain=")
	w.h["Set-Cookie"] = append(slices.DeleteFunc(w.h["Set-Cookie"], func(old string) bool {
		n, _, _ := strings.Cut(old, "=")
		return n == name && strings.Contains(old, "; Domain=") == scope
	}), line)
}

// line is a Set-Cookie line (RFC 6265bis §4.1). It is written by hand because
// http.SetCookie writes nothing at all for a name that is not a token. Nothing
// in it can be split: name and value are encoded, or were in a request's header.
func (m *Manager) line(name, value string, maxAge time.Duration, domain string) string {
	b := make([]byte, 0, len(name)+len(value)+96)
	b = append(b, name...)
	b = append(b, '=')
	b = append(b, value...)
	b = append(b, "; Path=/"...)
	if maxAge <= 0 {
		b = append(b, "; Expires=Thu, 01 Jan 1970 00:00:00 GMT"...)
	}
	b = append(b, "; Max-Age="...)
	b = strconv.AppendInt(b, int64(maxAge/time.Second), 10)
	if domain != "" {
		b = append(b, "; Domain="...)
		b = append(b, domain...)
	}
	if !m.cookies.Insecure {
		b = append(b, "; Secure"...)
	}
	if m.cookies.HTTPOnly {
		b = append(b, "; HttpOnly"...)
	}
	switch m.cookies.SameSite {
	case http.SameSiteLaxMode:
		b = append(b, "; SameSite=Lax"...)
	case http.SameSiteStrictMode:
		b = append(b, "; SameSite=Strict"...)
	case http.SameSiteNoneMode:
		b = append(b, "; SameSite=None"...)
	}
	return string(b)
}

// cookieName is the name of a user's cookie as Amplify's client writes it.
func (m *Manager) cookieName(user, slot string) string {
	if slot == lastAuthUser {
		return m.prefix + lastAuthUser
	}
	return m.prefix + cookie.EncodeName(user) + "." + slot
}
