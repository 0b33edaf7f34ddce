package session

import "net/http"

// CookieName lets tests see the name that a user's cookie is written with.
func (m *Manager) CookieName(user, slot string) string { return m.cookieName(user, slot) }

// Read lets tests see what is read of a request: how many cookies of our app
// client there are, and the access tokens of each user.
func (m *Manager) Read(h http.Header) (pairs int, access map[string][]string) {
	j := m.read(h)
	access = make(map[string][]string)
	for _, u := range j.users {
		access[u.user] = u.access
	}
	return len(j.pairs), access
}

// ReadOnly is Read without a result, for measurements.
func (m *Manager) ReadOnly(h http.Header) { m.read(h) }
