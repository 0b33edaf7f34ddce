package tokens_test

import (
	"errors"
	"testing"

	"github.com/cognitogate/cognitogate/tokens"
)

// TestConstructorsReturnConfigErrors checks that errors.As finds the mistakes that
// Validate reports.
func TestConstructorsReturnConfigErrors(t *testing.T) {
	userPool := tokens.UserPool{ID: "eu-west-1_AbC"}
	_, verifierErr := tokens.NewVerifier(userPool, nil)
	_, keySetErr := tokens.NewRemoteKeySet(userPool, nil)
	_, clientErr := tokens.NewClient(userPool, nil)
	for name, err := range map[string]error{"NewVerifier": verifierErr, "NewRemoteKeySet": keySetErr, "NewClient": clientErr} {
		var mistake *tokens.ConfigError
		if !errors.As(err, &mistake) || mistake.Field != "ClientID" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
