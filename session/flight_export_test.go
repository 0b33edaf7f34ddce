package session

// Flying is how many refreshes are under way.
func (m *Manager) Flying() int { return int(m.refresher.flying.Load()) }

// Kept is how many results of refreshes are kept, and how many of them no browser has
// shown.
func (m *Manager) Kept() (all, unseen int) {
	m.refresher.mu.Lock()
	defer m.refresher.mu.Unlock()
	return m.refresher.kept.Len(), int(m.refresher.expected.Load())
}
