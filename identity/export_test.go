package identity

// SetLimits bounds the caches of a pool that has not been used yet.
func (p *Pool) SetLimits(credentials, identities int) {
	p.entries = newLRU[digest, *entry](credentials)
	p.identities = newLRU[digest, string](identities)
}

// Kept is how many credentials and identity ids are kept.
func (p *Pool) Kept() (credentials, identities int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.entries.items), len(p.identities.items)
}
