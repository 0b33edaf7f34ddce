package identity

// SetLimits bounds the caches of a pool that has not been used yet.
func (p *Pool) SetLimits(credentials, identities int) {
	p.entries.Max, p.identities.Max = credentials, identities
}

// CacheSize returns how many credentials and identity ids are cached.
func (p *Pool) CacheSize() (credentials, identities int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.entries.Len(), p.identities.Len()
}
