package refresh

// UserRefusals returns how many refused refresh tokens are remembered.
func (e *Engine) UserRefusals() int {
	e.userRefusals.mu.Lock()
	defer e.userRefusals.mu.Unlock()
	return e.userRefusals.since.Len()
}
