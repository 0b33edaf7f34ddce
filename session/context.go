package session

import "context"

type contextKey struct{}

// NewContext returns a context that carries s. Guards of package middleware do
// this; call it in tests and in guards of your own.
func NewContext(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, contextKey{}, s)
}

// FromContext returns the session of the innermost guard that the request
// passed. ok is false, and the session nil, if nobody is signed in.
func FromContext(ctx context.Context) (s *Session, ok bool) {
	s, _ = ctx.Value(contextKey{}).(*Session)
	return s, s != nil
}
