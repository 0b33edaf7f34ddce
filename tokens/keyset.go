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
// Key returns the *rsa.PublicKey with this "kid" of the issuer, which is one of
// the pool's accepted issuers. An error that wraps [UnknownKey] says that the
// issuer has no such key; every other error means that it cannot be told, and
// the token is neither accepted nor refused. A key of one issuer must not be
// returned for another. Key is called by many goroutines at once.
type KeySet interface {
	Key(ctx context.Context, issuer, kid string) (crypto.PublicKey, error)
}

// StaticKeySet holds keys by their "kid", whatever the issuer. For tests.
type StaticKeySet map[string]crypto.PublicKey

// Key returns the key with this kid.
func (s StaticKeySet) Key(_ context.Context, _, kid string) (crypto.PublicKey, error) {
	if key, ok := s[kid]; ok {
		return key, nil
	}
	return nil, UnknownKey
}

// minKeyBits is the least size of an RSA key that RS256 may be used with
// (RFC 7518 §3.3).
const minKeyBits = 2048

// parseKeySet reads a JWK Set (RFC 7517 §5) and returns its usable keys by kid.
// Keys that are not for verifying RS256 are passed over, as §5 asks, and so is
// a kid that comes twice: nobody could say which key it means. A set without a
// usable key is an error, because a pool always has one.
func parseKeySet(text []byte) (map[string]*rsa.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("not a JWK Set: %w", err)
	}
	keys := make(map[string]*rsa.PublicKey, len(set.Keys))
	for _, raw := range set.Keys {
		kid, key := parseKey(raw)
		if kid == "" {
			continue
		}
		if _, twice := keys[kid]; twice {
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

// parseKey returns a JWK's kid, and the key if tokens may be verified with it.
// What the key is for is read here and not by jwk, which takes "use": "" for no
// use, names without regard to case and the last of several members.
func parseKey(raw []byte) (kid string, usable *rsa.PublicKey) {
	ms, err := members(nil, string(raw))
	if err != nil {
		return "", nil
	}
	isRSA, fits := false, true
	for _, m := range ms {
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
	// A private key in a public document is a disaster of somebody else's, and
	// no reason to trust what it signs. An exponent past 31 bits is one that
	// crypto/rsa refuses; jwk cuts off what is past eight bytes.
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
