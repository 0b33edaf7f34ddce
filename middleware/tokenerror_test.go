package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestErrorsOfTheTokenEndpoint: only what certainly is a fault of the configuration is
// called one, which is an Error. Every other failed sign-in is a warning. Both come once a
// minute, however many users try.
func TestErrorsOfTheTokenEndpoint(t *testing.T) {
	for _, c := range []struct {
		fault  cognitotest.Fault
		status int
		log    string // the beginning of the line
		lines  int    // for two sign-ins
	}{
		{cognitotest.Fault{Code: "invalid_client"}, http.StatusInternalServerError, `level=ERROR msg="cognitogate: no user can sign in: the configuration is wrong" look_at="UserPool.ClientSecret`, 1},
		{cognitotest.Fault{Code: "invalid_client", Status: 401}, http.StatusInternalServerError, `level=ERROR msg="cognitogate: no user can sign in: the configuration is wrong" look_at="UserPool.ClientSecret`, 1},
		{cognitotest.Fault{Code: "unauthorized_client"}, http.StatusInternalServerError, `level=ERROR msg="cognitogate: no user can sign in: the configuration is wrong" look_at="UserPool.ClientID`, 1},
		{cognitotest.Fault{Code: "unsupported_grant_type"}, http.StatusInternalServerError, `level=ERROR msg="cognitogate: no user can sign in: the configuration is wrong" look_at="UserPool.Domain`, 1},
		{cognitotest.Fault{Code: "invalid_grant"}, http.StatusBadRequest, `level=WARN msg="cognitogate: a sign-in failed"`, 1},
		{cognitotest.Fault{Code: "invalid_request"}, http.StatusServiceUnavailable, `level=WARN msg="cognitogate: a sign-in failed"`, 1}, // a Lambda trigger fails
		{cognitotest.Fault{Status: 429}, http.StatusServiceUnavailable, `level=WARN msg="cognitogate: a sign-in failed"`, 1},
		{cognitotest.Fault{Status: 500}, http.StatusServiceUnavailable, `level=WARN msg="cognitogate: a sign-in failed"`, 1},
		{cognitotest.Fault{Drop: true}, http.StatusServiceUnavailable, `level=WARN msg="cognitogate: a sign-in failed"`, 1},
	} {
		var log strings.Builder
		env := newRoutesEnv(t, withLog(&log))
		defer env.server.SetFault(nil)
		for range 2 {
			env.server.SetFault(nil)
			authorize, flow := env.startFlow("/api/auth/sign-in")
			callback := env.completeLogin(authorize, "ada").RequestURI()
			env.server.SetFault(func(op string) cognitotest.Fault {
				if op == "Token" {
					return c.fault
				}
				return cognitotest.Fault{}
			})
			resp := env.get(callback, flow)
			waits := resp.Header.Get("Retry-After") != ""
			if resp.StatusCode != c.status || waits != (c.status == http.StatusServiceUnavailable) || sessionUser(resp) != "" {
				t.Errorf("%+v: %d, Retry-After %v", c.fault, resp.StatusCode, waits)
			}
		}
		if strings.Count(log.String(), `msg="cognitogate: `) != c.lines || strings.Count(log.String(), c.log) != c.lines {
			t.Errorf("%+v: log %s", c.fault, log.String())
		}
		// An outage of the endpoint has a line of its own.
		outage := strings.Count(log.String(), `msg="tokens: an operation of Cognito begins to fail" operation=Token`)
		if want := c.status == http.StatusServiceUnavailable && c.fault.Code == ""; (outage == 1) != want || outage > 1 {
			t.Errorf("%+v: log %s", c.fault, log.String())
		}
	}
}
