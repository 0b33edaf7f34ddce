package cognitotest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"sync"

	"github.com/cognitogate/cognitogate/tokens"
)

// signingKey is a key with its name in the key set.
type signingKey struct {
	kid string
	*rsa.PrivateKey
}

// keyPair holds the two keys that a user pool signs with at a time: Cognito has one
// for access tokens and another for ID tokens.
type keyPair struct {
	access, id *signingKey
}

// newKeyPair returns the keys of a new user pool.
func newKeyPair() keyPair {
	return keyPair{access: generator.next(), id: generator.next()}
}

// rotatedKeyPair returns keys that no user pool has had.
func rotatedKeyPair() keyPair {
	return keyPair{access: generator.fresh(), id: generator.fresh()}
}

func (k keyPair) of(use tokens.Use) *signingKey {
	if use == tokens.ID {
		return k.id
	}
	return k.access
}

// generator makes the keys of all user pools of the process.
var generator keyGenerator

// maxReused is how many keys new user pools share: those of 60 user pools.
const maxReused = 120

// keyGenerator makes RSA keys that are all different, and cheap. Primes are the
// costly part of a key, and n primes make n(n-1)/2 keys. The keys are for tests
// only: two public keys with a common prime reveal it.
type keyGenerator struct {
	mu     sync.Mutex
	primes []*big.Int
	i, j   int // primes of the latest key, i < j

	reused []*signingKey
	calls  int // of next
}

var publicExponent = big.NewInt(65537)

// next returns a key that differs from the 119 that it has returned before.
func (g *keyGenerator) next() *signingKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	if len(g.reused) < maxReused {
		g.reused = append(g.reused, g.newKey())
	}
	return g.reused[(g.calls-1)%maxReused]
}

// fresh returns a key that nothing else has returned or will return.
func (g *keyGenerator) fresh() *signingKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.newKey()
}

// newKey makes a key. g.mu is held.
func (g *keyGenerator) newKey() *signingKey {
	if g.i++; g.i >= g.j {
		g.i, g.j = 0, g.j+1
	}
	for len(g.primes) <= g.j {
		g.primes = append(g.primes, newPrime())
	}
	p, q := g.primes[g.i], g.primes[g.j]
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(publicExponent.Int64())},
		D:         new(big.Int).ModInverse(publicExponent, new(big.Int).Mul(minusOne(p), minusOne(q))),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	// Cognito's key ids are base64 with padding. A hash of the key is unique, in
	// later runs of a program too.
	sum := sha256.Sum256(key.N.Bytes())
	return &signingKey{kid: base64.StdEncoding.EncodeToString(sum[:]), PrivateKey: key}
}

// newPrime returns a prime of 1024 bits. Its two top bits are set, so that the
// product of two has 2048. crypto/rand.Prime finds one too, but tests make hundreds of
// servers, and under the race detector it takes three times as long: it tests every
// candidate that has no factor below 2^8. This rules out factors below 2^13 at once.
func newPrime() *big.Int {
	const candidates = 2048 // odd numbers from a random one on
	bytes := make([]byte, 128)
	for {
		rand.Read(bytes)
		bytes[0] |= 0xc0
		bytes[len(bytes)-1] |= 1
		first := new(big.Int).SetBytes(bytes)
		var composite [candidates]bool
		for _, q := range smallPrimes() {
			// first + 2i is a multiple of q for every q-th i.
			i := (q - int(new(big.Int).Mod(first, big.NewInt(int64(q))).Int64())) % q
			if i%2 == 1 {
				i += q
			}
			for i /= 2; i < candidates; i += q {
				composite[i] = true
			}
		}
		for i := range candidates {
			p := new(big.Int).Add(first, big.NewInt(int64(2*i)))
			// The private exponent exists only if e shares no factor with p-1. Since
			// e is prime, a remainder shows that.
			if !composite[i] && p.BitLen() == 1024 && p.ProbablyPrime(1) && new(big.Int).Mod(minusOne(p), publicExponent).Sign() != 0 {
				return p
			}
		}
	}
}

// smallPrimes are the odd primes below 2^13.
var smallPrimes = sync.OnceValue(func() (primes []int) {
	for n := 3; n < 1<<13; n += 2 {
		if !slices.ContainsFunc(primes, func(q int) bool { return q*q <= n && n%q == 0 }) {
			primes = append(primes, n)
		}
	}
	return primes
})

func minusOne(n *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }

// RotateKeys replaces both signing keys and withdraws the old ones at once. Tokens
// signed with the old ones no longer verify. [Server.AddKeys] begins a rotation with
// an overlap.
func (s *Server) RotateKeys() {
	keys := rotatedKeyPair()
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.keys, s.userPool.oldKeys = keys, nil
}

// AddKeys begins a rotation. The user pool signs with new keys, and publishes the
// old ones until [Server.DropOldKeys].
func (s *Server) AddKeys() {
	keys := rotatedKeyPair()
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.oldKeys = append(s.userPool.oldKeys, s.userPool.keys)
	s.userPool.keys = keys
}

// DropOldKeys withdraws all keys that the user pool no longer signs with.
func (s *Server) DropOldKeys() {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.oldKeys = nil
}

// publishedKeys lists the keys in the key set, current ones first. Called with p.mu
// held.
func (p *userPool) publishedKeys() []*signingKey {
	keys := []*signingKey{p.keys.access, p.keys.id}
	for _, old := range p.oldKeys {
		keys = append(keys, old.access, old.id)
	}
	return keys
}

// keySet is the JWK Set of RFC 7517, with Cognito's members. Called with p.mu
// held.
func (p *userPool) keySet() *response {
	type jwk struct {
		Alg string `json:"alg"`
		E   string `json:"e"`
		Kid string `json:"kid"`
		Kty string `json:"kty"`
		N   string `json:"n"`
		Use string `json:"use"`
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	for _, k := range p.publishedKeys() {
		set.Keys = append(set.Keys, jwk{
			Alg: "RS256", E: "AQAB", Kid: k.kid, Kty: "RSA", Use: "sig",
			N: base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
		})
	}
	r := jsonResponse(200, set)
	r.contentType = "application/json"
	return r
}
