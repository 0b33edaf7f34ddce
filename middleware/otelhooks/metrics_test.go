package otelhooks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

const opRefresh = "GetTokensFromRefreshToken"

func emptyHandler(http.ResponseWriter, *http.Request) {}

// router has nested guards.
func (e *env) router() http.Handler {
	r := chi.NewRouter()
	r.Use(e.auth.Protect)
	r.Get("/items/{id}", emptyHandler)
	r.Get("/about", emptyHandler)
	r.With(e.auth.Require, e.auth.RequireGroup("admins")).Get("/admin", emptyHandler)
	return r
}

// TestMetrics sends requests of each kind. Every one counts once, for the in-memory reader
// and for Prometheus alike.
func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	exporter, err := promexporter.New(promexporter.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, func(cfg *cognito.Config) { cfg.Matcher = []string{"/items/:path*", "/admin"} }, exporter)
	site := e.router()
	do(site, e.page("", "/about"))
	do(site, e.page("", "/items/1"))
	ada, grace := e.page("ada", "/items/2"), e.page("grace", "/admin")
	do(site, ada)
	do(site, ada)
	do(site, grace)
	ada.URL.Path = "/admin"
	do(site, ada)

	e.advance(40 * time.Minute)
	e.server.SetFault(answering(opRefresh, cognitotest.Fault{Status: 500, Body: "<html>"}))
	do(site, ada) // 503
	e.server.SetFault(nil)
	ada.URL.Path = "/items/3"
	do(site, ada)
	do(site, ada) // the result is remembered
	e.server.SetFault(answering(opRefresh, cognitotest.Fault{Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}))
	grace.URL.Path = "/items/4"
	do(site, grace)
	e.server.SetFault(nil)

	if w := e.signIn("grace"); w.Code != http.StatusFound {
		t.Fatal(w.Code)
	}
	do(e.auth.Routes(), e.page("", "/api/auth/sign-in-callback?code=x&state=y"))
	out := e.page("ada", "/api/auth/sign-out")
	out.Method = "POST"
	do(e.auth.Routes(), out)

	const requests = "requests cognitogate.decision="
	e.expect(
		requests+"public http.route=/about: 1",
		requests+"redirected cognitogate.reason=no_cookies: 1",
		requests+"passed http.route=/items/{id}: 4",
		requests+"forbidden cognitogate.reason=group http.route=/admin: 1",
		requests+"passed http.route=/admin: 1",
		requests+"unavailable cognitogate.reason=unavailable: 1",
		requests+"redirected cognitogate.reason=revoked: 1",
		"refresh.duration cognitogate.refresh.source=call error.type=unavailable: 1",
		"refresh.duration cognitogate.refresh.source=call: 1",
		"refresh.duration cognitogate.refresh.source=kept: 1",
		"refresh.duration cognitogate.refresh.source=call error.type=revoked: 1",
		"key_fetch.duration: 1",
		"call.duration cognitogate.operation="+opRefresh+" error.type=unavailable: 1",
		"call.duration cognitogate.operation="+opRefresh+": 1",
		"call.duration cognitogate.operation="+opRefresh+" error.type=NotAuthorizedException: 1",
		"call.duration cognitogate.operation=Token: 1",
		"call.duration cognitogate.operation=RevokeToken: 1",
		"session.cache.lookups cognitogate.cache.result=hit: 2",
		"session.cache.lookups cognitogate.cache.result=miss: 7",
		"session.cache.sessions: 3",
		"session.cache.size: 1",
		"sign_ins cognitogate.sign_in.reason=new: 1",
		"sign_outs cognitogate.sign_out.reason=asked: 1",
		"sign_in.failures error.type=lost: 1",
	)

	scraped := do(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), e.page("", "/metrics")).Body.String()
	for _, want := range []string{
		`cognitogate_requests_total{cognitogate_decision="passed",http_route="/items/{id}",`,
		`cognitogate_requests_total{cognitogate_decision="forbidden",cognitogate_reason="group",http_route="/admin",`,
		`cognitogate_refresh_duration_seconds_count{cognitogate_refresh_source="call",error_type="revoked",`,
		`cognitogate_refresh_duration_seconds_bucket{cognitogate_refresh_source="kept",`,
		`cognitogate_key_fetch_duration_seconds_count{`,
		`cognitogate_call_duration_seconds_count{cognitogate_operation="` + opRefresh + `",error_type="NotAuthorizedException",`,
		`cognitogate_session_cache_lookups_total{cognitogate_cache_result="hit",`,
		`cognitogate_session_cache_sessions{`,
		`cognitogate_session_cache_size_bytes{`,
		`cognitogate_sign_ins_total{cognitogate_sign_in_reason="new",`,
		`cognitogate_sign_outs_total{cognitogate_sign_out_reason="asked",`,
		`cognitogate_sign_in_failures_total{error_type="lost",`,
	} {
		if !strings.Contains(scraped, "\n"+want) {
			t.Errorf("Prometheus does not get %s", want)
		}
	}
	for line := range strings.Lines(scraped) {
		if strings.HasPrefix(line, `cognitogate_requests_total{cognitogate_decision="passed",http_route="/items/{id}"`) && !strings.HasSuffix(line, " 4\n") {
			t.Errorf("Prometheus gets %s", line)
		}
	}
}

// TestStoreCalls: a call that was given up has an error.type of its own.
func TestStoreCalls(t *testing.T) {
	e := newEnv(t, nil)
	for _, err := range []error{nil, nil, fmt.Errorf("gone: %w", context.DeadlineExceeded), errors.New("mallory")} {
		e.hooks.Session.StoreCalled(t.Context(), session.StoreSwap, time.Second, err)
	}
	const swap = "store.duration cognitogate.operation=swap"
	e.expect(swap+": 2", swap+" error.type=timeout: 1", swap+" error.type=_OTHER: 1", "session.cache.sessions: 0", "session.cache.size: 0")
}

// TestReadyIsNoFailure: Cognito refuses the calls of Ready, and that is what Ready hopes
// for. An outage is a failure.
func TestReadyIsNoFailure(t *testing.T) {
	e := newEnv(t, nil)
	if err := e.auth.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	const check = "call.duration cognitogate.check=true cognitogate.operation="
	e.expect(check+opRefresh+": 1", check+"Token: 1", "key_fetch.duration: 1", "session.cache.sessions: 0", "session.cache.size: 0")
	e.advance(time.Minute)
	e.server.SetFault(answering("Token", cognitotest.Fault{Status: 502, Body: "<html>"}))
	_ = e.auth.Ready(t.Context())
	e.server.SetFault(nil)
	e.expect(check+opRefresh+": 2", check+"Token: 1", check+"Token error.type=502: 1", "key_fetch.duration: 1", "session.cache.sessions: 0", "session.cache.size: 0")
}

// TestFewAttributes sends what a client chooses, and has a proxy answer what it likes. No
// text of it becomes an attribute of a metric or a span.
func TestFewAttributes(t *testing.T) {
	const hostile = "mallory"
	e := newEnv(t, nil)
	site := e.auth.Protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = r.URL.Path }))
	expired := e.page("ada", "/")
	do(site, expired)
	e.advance(40 * time.Minute)
	for i := range 20 {
		name := fmt.Sprint(hostile, i)
		r := e.page("", "/"+name)
		r.Method = strings.ToUpper(name)
		prefix := "CognitoIdentityServiceProvider." + e.server.UserPool().ClientID + "."
		r.Header.Set("Cookie", prefix+"LastAuthUser="+name+"; "+prefix+name+".accessToken="+name+".x.y; "+prefix+name+".refreshToken="+name)
		do(site, r)
		e.server.SetFault(func(string) cognitotest.Fault {
			return cognitotest.Fault{Status: 400 + i, Code: name, Message: name}
		})
		expired.URL.Path = "/" + name
		do(site, expired)
		do(e.auth.Routes(), e.page("", "/api/auth/sign-in-callback?error="+name+"&error_description="+name+"&state="+name))
		e.server.SetFault(nil)
	}
	lines := e.metrics()
	for _, span := range e.spans.GetSpans() {
		lines = append(lines, fmt.Sprint(span.Name, span.Attributes, span.Status, span.Events))
	}
	for _, line := range lines {
		if strings.Contains(line, hostile) || strings.Contains(line, "eyJ") || strings.Contains(line, "ada") {
			t.Errorf("an attribute is a client's: %s", line)
		}
	}
	if metrics := len(e.metrics()); len(lines) < 40 || metrics > 60 {
		t.Errorf("%d lines, %d metrics: %q", len(lines), metrics, lines)
	}
}

// TestManyRoutes: a program that takes paths for patterns does not fill the memory.
func TestManyRoutes(t *testing.T) {
	e := newEnv(t, func(cfg *cognito.Config) { cfg.Matcher = []string{"/private"} })
	site := e.auth.Protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = r.URL.Path }))
	r := e.page("", "/")
	for i := range 1500 {
		r.URL.Path = fmt.Sprint("/", i)
		site.ServeHTTP(nil, r)
	}
	lines := e.metrics()
	lines = slices.DeleteFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "requests ") })
	if len(lines) != 1001 || !slices.Contains(lines, "requests cognitogate.decision=public: 500") {
		t.Errorf("%d metrics", len(lines))
	}
}
