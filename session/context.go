package session

import (
	"context"
	"slices"
)

type contextKey struct{}

// sessionContext is a context with a session, or with the word that there is none.
type sessionContext struct {
	context.Context
	session *Session // nil if nobody is signed in
	manager *Manager // of the guard that judged the request; nil if NewContext was called
}

func (c *sessionContext) Value(key any) any {
	if key == (contextKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// innermost returns the innermost sessionContext, or nil.
func innermost(ctx context.Context) *sessionContext {
	c, _ := ctx.Value(contextKey{}).(*sessionContext)
	return c
}

// NewContext returns a context that carries s. Call it in tests. Every Manager of the
// session's user pool and app client accepts s, so a guard lets it pass.
func NewContext(ctx context.Context, s *Session) context.Context {
	return &sessionContext{ctx, s, nil}
}

// FromContext returns the session of the innermost guard that judged the request. ok is
// false, and the session nil, if that guard found nobody. In a program with several user
// pools or app clients, Auth.Session of package middleware returns that of one.
func FromContext(ctx context.Context) (s *Session, ok bool) {
	if c := innermost(ctx); c != nil {
		s = c.session
	}
	return s, s != nil
}

// NewContext returns a context that carries s, which Fetch of this Manager has returned.
// Guards of package middleware do this; call it in guards of your own. The sessions of
// outer guards are hidden from [FromContext], also by a nil s, and no other Manager
// accepts s. If the context says all that already, NewContext returns it.
func (m *Manager) NewContext(ctx context.Context, s *Session) context.Context {
	if seen, _ := FromContext(ctx); seen == s && m.FromContext(ctx) == s {
		return ctx
	}
	return &sessionContext{ctx, s, m}
}

// FromContext returns the session that a guard of this Manager has put into the context,
// or nil. A guard of another Manager inside that one does not hide it. The session that
// the package's NewContext has put there counts if it is of this user pool and app client.
func (m *Manager) FromContext(ctx context.Context) *Session {
	for c := innermost(ctx); c != nil; c = innermost(c.Context) {
		mine := c.manager == m || c.manager == nil
		if mine && (c.session == nil || m.ownsSession(c.session, c.manager == m)) {
			return c.session
		}
	}
	return nil
}

// ownsSession reports whether a session is of this user pool and app client. One that a
// guard of this Manager has found may have come as a bearer token of a further app client.
func (m *Manager) ownsSession(s *Session, found bool) bool {
	if s.access == nil || !m.issuers[s.access.Issuer()] {
		return false
	}
	id := s.access.ClientID()
	return id == m.userPool.ClientID || found && slices.Contains(m.bearer.clients, id)
}
