package tokens_test

import (
	"errors"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestRefreshWithAnOlderEmulator refreshes with an emulator that does not have
// GetTokensFromRefreshToken. The client asks for that once.
func TestRefreshWithAnOlderEmulator(t *testing.T) {
	for name, unknown := range map[string]cognitotest.Fault{
		"AWS's code":      {Code: "UnknownOperationException"},
		"cognito-local's": {Status: 500, Code: "CognitoLocal#Unsupported"},
		"the status":      {Status: 501, Code: "InternalFailure"},
	} {
		t.Run(name, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				userPool := ct.server.UserPool()
				userPool.ID, userPool.Issuer, userPool.Endpoint = "local_1AbC", userPool.IssuerURL(), "https://cognito-idp.eu-west-1.amazonaws.com"
				ct.client = ct.newClient(userPool, ct.server.Client())
				ct.server.SetFault(func(op string) cognitotest.Fault {
					if op == opRefresh {
						return unknown
					}
					return cognitotest.Fault{}
				})
				for range 3 {
					set, err := ct.refresh(ct.Context())
					if err != nil || set.Access == "" || set.ID == "" || set.Refresh != "" {
						t.Fatalf("%v, %v", set, err)
					}
				}
				ct.wantCalls(opRefresh, 1)
				ct.wantCalls("InitiateAuth", 3)
				if err := ct.client.Revoke(ct.Context(), ct.set.Refresh); err != nil {
					t.Fatal(err)
				}
				var answer *tokens.APIError
				if _, err := ct.refresh(ct.Context()); !errors.As(err, &answer) || !answer.SignedOut() {
					t.Errorf("revoked: %v", err)
				}
			})
		})
	}
}

// TestRefreshRemembersNoOutage has an Endpoint fail for a while. Only an Endpoint that
// does not have the operation is asked with another one.
func TestRefreshRemembersNoOutage(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		ct.server.RemoveOperation("InitiateAuth")
		userPool := ct.server.UserPool()
		userPool.Endpoint = "https://cognito-idp.eu-west-1.amazonaws.com"
		ct.client = ct.newClient(userPool, ct.server.Client())
		for _, f := range []cognitotest.Fault{{Code: "UnknownOperationException"}, *down, {Code: "InvalidParameterException"}} {
			ct.setFaults(f, f)
			if _, err := ct.refresh(ct.Context()); !errors.Is(err, tokens.ErrUnavailable) {
				t.Errorf("%+v: %v", f, err)
			}
			ct.setFaults()
			if _, err := ct.refresh(ct.Context()); err != nil {
				t.Errorf("after %+v: %v", f, err)
			}
		}
		ct.wantCalls("InitiateAuth", 1)
	})
}

// TestRefreshNeedsTheOperationOfAWS has AWS itself answer like an emulator: it is not
// asked in another way.
func TestRefreshNeedsTheOperationOfAWS(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		ct.server.RemoveOperation(opRefresh)
		if _, err := ct.refresh(ct.Context()); !errors.Is(err, tokens.ErrUnavailable) {
			t.Error(err)
		}
		ct.wantCalls(opRefresh, 1)
		ct.wantCalls("InitiateAuth", 0)
	})
}
