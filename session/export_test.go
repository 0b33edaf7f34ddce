package session

import "net/http"

// CookieName lets tests see the name that a user's cookie is written with.
func (m *Manager) CookieName(user, slotName string) string {
	return m.layout.name(user, slot(slotName))
}

// Read lets tests see what is read of a request: how many cookies of our app
// client there are, and the access tokens of each user.
func (m *Manager) Read(h http.Header) (cookies int, access map[string][]string) {
	parsed := m.layout.parse(h, nil)
	access = make(map[string][]string)
	for _, u := range parsed.users() {
		access[u.user] = u.access
	}
	return len(parsed), access
}

// ReadOnly is Read without a result, for measurements.
func (m *Manager) ReadOnly(h http.Header) { m.layout.parse(h, nil).users() }
