package tokens

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// KeySet finds the public keys that tokens are verified with.
//
// Key returns the *rsa.PublicKey with this "kid" of the issuer, which is one of the
// user pool's accepted issuers. An error that wraps [UnknownKey] says that the issuer
// has no such key. Any other error says that the keys cannot be had: the token is
// neither accepted nor refused. Key must not return a key of another issuer. It is
// called by many goroutines at once.
type KeySet interface {
	Key(ctx context.Context, issuer, kid string) (crypto.PublicKey, error)
}

// StaticKeySet holds keys by their "kid", for any issuer. It is for tests.
type StaticKeySet map[string]crypto.PublicKey

// Key returns the key with this kid.
func (s StaticKeySet) Key(_ context.Context, _, kid string) (crypto.PublicKey, error) {
	if key, ok := s[kid]; ok {
		return key, nil
	}
	return nil, UnknownKey
}

// minKeyBits is the least size of an RSA key for RS256 (RFC 7518 §3.3).
const minKeyBits = 2048

// parseKeySet reads a JWK Set (RFC 7517 §5) and returns its usable keys by kid. It
// passes over keys that do not verify RS256, as §5 asks, and keys that share their
// kid, because the kid would be ambiguous. A set without a usable key is an error:
// every user pool has one.
func parseKeySet(text []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotKeySet, err)
	}
	keys := make(map[string]*rsa.PublicKey, len(set.Keys))
	for _, raw := range set.Keys {
		kid, key := parseKey(raw)
		if kid == "" {
			continue
		}
		if _, duplicate := keys[kid]; duplicate {
			key = nil
		}
		keys[kid] = key
	}
	maps.DeleteFunc(keys, func(_ string, key *rsa.PublicKey) bool { return key == nil })
	if len(keys) == 0 {
		return nil, errors.New("JWK Set without a usable key")
	}
	return keys, nil
}

// parseKey returns a JWK's kid, and its key if that may verify tokens. It reads the
// key's purpose itself, because package jwk is lenient: it takes an empty "use" for
// none, ignores the case of names, and takes the last of duplicate members.
func parseKey(raw []byte) (kid string, usable *rsa.PublicKey) {
	members, err := appendJSONMembers(nil, string(raw))
	if err != nil {
		return "", nil
	}
	isRSA, fits := false, true
	for _, m := range members {
		text, _ := unquote(m.value)
		switch m.name {
		case "kid":
			kid = text
		case "kty":
			isRSA = text == jwa.RSA.String()
		case "use":
			fits = fits && text == string(jwk.ForSignature)
		case "alg":
			fits = fits && text == jwa.RS256.String()
		case "key_ops":
			verify := false
			array := eachString(m.value, func(op string) { verify = verify || op == string(jwk.KeyOpVerify) })
			fits = fits && array && verify
		}
	}
	if !isRSA || !fits {
		return kid, nil
	}
	// A private key in a public document has been disclosed, so it is not trusted.
	// crypto/rsa refuses exponents of more than 31 bits, and jwk cuts off those of
	// more than eight bytes.
	key, err := jwk.ParseKey(raw)
	public, ok := key.(jwk.RSAPublicKey)
	if err != nil || !ok || len(public.E()) > 4 {
		return kid, nil
	}
	var k rsa.PublicKey
	if public.Raw(&k) != nil || k.N.BitLen() < minKeyBits || k.E < 3 || k.E%2 == 0 || k.E > math.MaxInt32 {
		return kid, nil
	}
	return kid, &k
}
