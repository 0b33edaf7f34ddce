package tokens_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"sync"

	"github.com/cognitogate/cognitogate/tokens"
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// reasonOf returns the Reason that err reports, as an error, or err.
func reasonOf(err error) error {
	if refusal := (*tokens.VerifyError)(nil); errors.As(err, &refusal) {
		return refusal.Reason
	}
	return err
}

// goldenKey returns one of the test keys in testdata/amplify/keys.json.
var goldenKeys = sync.OnceValue(func() map[string]*rsa.PrivateKey {
	text, err := os.ReadFile("../testdata/amplify/keys.json")
	if err != nil {
		panic(err)
	}
	var file struct {
		Keys map[string]struct{ Kid, N, E, D, P, Q string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		panic(err)
	}
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			panic(err)
		}
		return new(big.Int).SetBytes(b)
	}
	keys := make(map[string]*rsa.PrivateKey)
	for name, k := range file.Keys {
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}, D: number(k.D), Primes: []*big.Int{number(k.P), number(k.Q)}}
		key.Precompute()
		keys[name] = key
	}
	return keys
})

func goldenKey(name string) *rsa.PrivateKey { return goldenKeys()[name] }
