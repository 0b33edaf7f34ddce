package cognitotest_test

import (
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func TestRotateKeys(t *testing.T) {
	server := cognitotest.New(ada)
	check := func(when string, keys int, token string, want bool) {
		t.Helper()
		set := publishedKeys(t, server.Client(), server.UserPool().IssuerURL())
		if len(set) != keys {
			t.Errorf("%s: %d keys, want %d", when, len(set), keys)
		}
		if _, ok := verifies(t, set, token); ok != want {
			t.Errorf("%s: the token verifies: %t", when, ok)
		}
		if _, ok := verifies(t, set, server.Issue("ada").ID); !ok {
			t.Errorf("%s: a new token does not verify", when)
		}
	}
	first := server.Issue("ada").Access
	check("at first", 2, first, true)
	server.AddKeys()
	check("with overlap", 4, first, true)
	server.DropOldKeys()
	check("after the overlap", 2, first, false)
	second := server.Issue("ada").Access
	server.RotateKeys()
	check("without overlap", 2, second, false)
	_, err := getUser(server, second)
	wantAPIError(t, err, "NotAuthorizedException", "Could not verify signature for Access Token")
}

// TestKeysDiffer: keys share primes, but no two are the same.
func TestKeysDiffer(t *testing.T) {
	server := cognitotest.New()
	for range 20 {
		server.AddKeys()
	}
	keys := publishedKeys(t, server.Client(), server.UserPool().IssuerURL())
	if len(keys) != 42 {
		t.Errorf("%d key ids, want 42", len(keys))
	}
	moduli := make(map[string]bool)
	for _, k := range keys {
		if k.N.BitLen() != 2048 {
			t.Errorf("a key of %d bits", k.N.BitLen())
		}
		moduli[k.N.String()] = true
	}
	if len(moduli) != len(keys) {
		t.Errorf("%d keys in %d ids", len(moduli), len(keys))
	}
}

// TestRotatedKeysAreNew makes more user pools than have keys of their own. The keys of a
// rotation are those of none.
func TestRotatedKeysAreNew(t *testing.T) {
	first := cognitotest.New(ada)
	kids := make(map[string]bool)
	for range 65 {
		server := cognitotest.New()
		for kid := range publishedKeys(t, server.Client(), server.UserPool().IssuerURL()) {
			kids[kid] = true
		}
	}
	first.RotateKeys()
	for kid := range publishedKeys(t, first.Client(), first.UserPool().IssuerURL()) {
		if kids[kid] {
			t.Errorf("%s is a key of another user pool", kid)
		}
	}
}
