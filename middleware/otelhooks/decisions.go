package otelhooks

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// wrapDecisions wraps the hook that is told once of a request.
func (t *telemetry) wrapDecisions(hooks *cognito.Hooks) {
	next := hooks.Served
	hooks.Served = func(ctx context.Context, d cognito.GuardDecision) {
		t.requests.Add(ctx, 1, t.sets.options(d)...)
		if span := trace.SpanFromContext(ctx); span.IsRecording() {
			set := t.set(keyDecision.String(string(d.Decision)), keyReason.String(string(d.Reason)))
			span.SetAttributes(set.ToSlice()...)
		}
		if next != nil {
			next(ctx, d)
		}
	}
}

// maxRoutes bounds the values of http.route. A program may take a path for a pattern.
const maxRoutes = 1000

// requestSet is what the attributes of a request are made of.
type requestSet struct {
	decision cognito.Decision
	reason   session.Reason
	route    string
}

// requestSets hold the attributes of requests, so that a request makes none.
type requestSets struct {
	telemetry *telemetry

	mu     sync.RWMutex
	routes map[string]bool
	known  map[requestSet][]metric.AddOption
}

// options returns the attributes of a request.
func (s *requestSets) options(d cognito.GuardDecision) []metric.AddOption {
	key := requestSet{d.Decision, d.Reason, d.Route}
	s.mu.RLock()
	found := s.known[key]
	s.mu.RUnlock()
	if found != nil {
		return found
	}
	return s.add(key)
}

func (s *requestSets) add(key requestSet) []metric.AddOption {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known, s.routes = make(map[requestSet][]metric.AddOption), make(map[string]bool)
	}
	if key.route != "" && !s.routes[key.route] {
		if len(s.routes) >= maxRoutes {
			key.route = ""
		} else {
			s.routes[key.route] = true
		}
	}
	found := s.known[key]
	if found == nil {
		found = s.telemetry.addOptions(keyDecision.String(string(key.decision)), keyReason.String(string(key.reason)), keyRoute.String(key.route))
		s.known[key] = found
	}
	return found
}
