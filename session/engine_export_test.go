package session

// RunningRefreshes is how many refreshes run.
func (m *Manager) RunningRefreshes() int {
	running, _, _ := m.refresher.Size()
	return running
}

// RefreshResults is how many results of refreshes are remembered, and how many of them
// no browser has shown.
func (m *Manager) RefreshResults() (all, undelivered int) {
	_, all, undelivered = m.refresher.Size()
	return all, undelivered
}
