package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestErrorsOfTheTokenEndpoint: only what certainly is a fault of the configuration is
// called one.
func TestErrorsOfTheTokenEndpoint(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log))
	defer env.server.SetFault(nil)
	for _, c := range []struct {
		fault  cognitotest.Fault
		status int
		level  string
	}{
		{cognitotest.Fault{Code: "invalid_client"}, http.StatusInternalServerError, "ERROR"},
		{cognitotest.Fault{Code: "invalid_client", Status: 401}, http.StatusInternalServerError, "ERROR"},
		{cognitotest.Fault{Code: "unauthorized_client"}, http.StatusInternalServerError, "ERROR"},
		{cognitotest.Fault{Code: "unsupported_grant_type"}, http.StatusInternalServerError, "ERROR"},
		{cognitotest.Fault{Code: "invalid_grant"}, http.StatusBadRequest, "WARN"},
		{cognitotest.Fault{Code: "invalid_request"}, http.StatusServiceUnavailable, "WARN"}, // a Lambda trigger fails
		{cognitotest.Fault{Status: 429}, http.StatusServiceUnavailable, "WARN"},
		{cognitotest.Fault{Status: 500}, http.StatusServiceUnavailable, "WARN"},
		{cognitotest.Fault{Drop: true}, http.StatusServiceUnavailable, "WARN"},
	} {
		env.server.SetFault(nil)
		authorize, flow := env.startFlow("/api/auth/sign-in")
		callback := env.completeLogin(authorize, "ada").RequestURI()
		env.server.SetFault(func(op string) cognitotest.Fault {
			if op == "Token" {
				return c.fault
			}
			return cognitotest.Fault{}
		})
		log.Reset()
		resp := env.get(callback, flow)
		waits := resp.Header.Get("Retry-After") != ""
		if resp.StatusCode != c.status || waits != (c.status == http.StatusServiceUnavailable) || sessionUser(resp) != "" {
			t.Errorf("%+v: %d, Retry-After %v", c.fault, resp.StatusCode, waits)
		}
		if strings.Count(log.String(), "level=") != 1 || !strings.Contains(log.String(), "level="+c.level) {
			t.Errorf("%+v: log %s", c.fault, log.String())
		}
	}
}
