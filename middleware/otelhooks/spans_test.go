package otelhooks_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// spanTransport notes the span that each request to Cognito is a child of.
type spanTransport struct {
	http.RoundTripper
	mu      sync.Mutex
	parents []trace.SpanID
}

func (s *spanTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.parents = append(s.parents, trace.SpanContextFromContext(r.Context()).SpanID())
	s.mu.Unlock()
	return s.RoundTripper.RoundTrip(r)
}

func attributeOf(span tracetest.SpanStub, key attribute.Key) string {
	for _, kv := range span.Attributes {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}

// TestSpans follows a request whose session is refreshed, and which fetches the keys.
func TestSpans(t *testing.T) {
	var transport spanTransport
	e := newEnv(t, func(cfg *cognito.Config) {
		transport.RoundTripper = cfg.HTTPClient.Transport
		cfg.HTTPClient = &http.Client{Transport: &transport}
	})
	guarded := e.auth.Require(http.HandlerFunc(emptyHandler))
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as otelhttp does
		ctx, span := e.tracer.Tracer("").Start(r.Context(), "request")
		defer span.End()
		guarded.ServeHTTP(w, r.WithContext(ctx))
	})
	r := e.page("ada", "/secret")
	e.advance(40 * time.Minute)
	began := time.Now()
	do(site, r)

	spans := make(map[string]tracetest.SpanStub)
	for _, span := range e.spans.GetSpans() {
		if _, twice := spans[span.Name]; twice || span.StartTime.Before(began) || span.EndTime.Before(span.StartTime) {
			t.Errorf("%s: twice or at a wrong time", span.Name)
		}
		spans[span.Name] = span
	}
	for child, parent := range map[string]string{
		"cognitogate.key_fetch": "request", "cognitogate.refresh": "request", "Cognito " + opRefresh: "cognitogate.refresh",
	} {
		if spans[child].Parent.SpanID() != spans[parent].SpanContext.SpanID() || spans[child].SpanContext.TraceID() != spans["request"].SpanContext.TraceID() {
			t.Errorf("%s is no child of %s", child, parent)
		}
		if attributeOf(spans[child], "user_pool") != "staff" || spans[child].Status.Code != codes.Unset {
			t.Errorf("%s: %v, %v", child, spans[child].Attributes, spans[child].Status)
		}
	}
	for _, child := range []string{"cognitogate.key_fetch", "Cognito " + opRefresh} {
		if span := spans[child]; !slices.Contains(transport.parents, span.SpanContext.SpanID()) || span.SpanKind != trace.SpanKindClient {
			t.Errorf("%s: no request is a child of it, or it is a %v", child, span.SpanKind)
		}
	}
	if len(spans) != 4 || len(transport.parents) != 2 {
		t.Errorf("%d spans, %d requests", len(spans), len(transport.parents))
	}
	if got := attributeOf(spans["cognitogate.refresh"], "cognitogate.refresh.source"); got != "call" {
		t.Errorf("the source is %q", got)
	}
	if got := attributeOf(spans["request"], "cognitogate.decision"); got != "passed" {
		t.Errorf("the decision is %q", got)
	}

	e.spans.Reset()
	e.server.SetFault(answering(opRefresh, cognitotest.Fault{Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}))
	r = e.page("grace", "/secret")
	e.advance(40 * time.Minute)
	do(site, r)
	e.server.SetFault(nil)
	want := map[string]string{"cognitogate.refresh": "revoked", "Cognito " + opRefresh: "NotAuthorizedException", "request": ""}
	for _, span := range e.spans.GetSpans() {
		errorType, known := want[span.Name]
		if !known || attributeOf(span, "error.type") != errorType || (span.Status.Code == codes.Error) != (errorType != "") || span.Status.Description != errorType {
			t.Errorf("%s: %v, %v", span.Name, span.Attributes, span.Status)
		}
		if span.Name == "request" && attributeOf(span, "cognitogate.reason") != "revoked" {
			t.Errorf("the request: %v", span.Attributes)
		}
		delete(want, span.Name)
	}
	if len(want) > 0 {
		t.Errorf("no spans %v", want)
	}
}
