package cognitotest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"sync"

	"github.com/cognitogate/cognitogate/tokens"
)

// signingKey is a key with its name in the key set.
type signingKey struct {
	kid string
	*rsa.PrivateKey
}

// keyPair holds the two keys that a pool signs with at a time: Cognito has one
// for access tokens and another for ID tokens.
type keyPair struct {
	access, id *signingKey
}

func newKeyPair() keyPair {
	return keyPair{access: foundry.next(), id: foundry.next()}
}

func (k keyPair) of(use tokens.Use) *signingKey {
	if use == tokens.ID {
		return k.id
	}
	return k.access
}

// foundry makes the keys of all pools of the process.
var foundry keyFoundry

// keyFoundry makes RSA keys that are all different, and cheap: the cost of a
// key is its primes, and n primes make n(n-1)/2 keys. Whoever has two such keys
// can find the prime they share, so they are good for tests and nothing else.
type keyFoundry struct {
	mu     sync.Mutex
	primes []*big.Int
	i, j   int // primes of the latest key, i < j
}

var publicExponent = big.NewInt(65537)

func (f *keyFoundry) next() *signingKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.i++; f.i >= f.j {
		f.i, f.j = 0, f.j+1
	}
	for len(f.primes) <= f.j {
		f.primes = append(f.primes, newPrime())
	}
	p, q := f.primes[f.i], f.primes[f.j]
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(publicExponent.Int64())},
		D:         new(big.Int).ModInverse(publicExponent, new(big.Int).Mul(lessOne(p), lessOne(q))),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	// Cognito's key ids are base64 with padding. Made from the key, the id of
	// one key never names another, not even in the next run of a program.
	sum := sha256.Sum256(key.N.Bytes())
	return &signingKey{kid: base64.StdEncoding.EncodeToString(sum[:]), PrivateKey: key}
}

// newPrime returns a prime of 1024 bits. Its two top bits are set, so that the
// product of two has 2048.
func newPrime() *big.Int {
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		must(err)
		// The private exponent exists only if e shares no factor with p-1.
		// It is a prime, so a remainder is enough.
		if new(big.Int).Mod(lessOne(p), publicExponent).Sign() != 0 {
			return p
		}
	}
}

func lessOne(n *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }

// RotateKeys replaces both signing keys and withdraws the old ones at once:
// tokens signed before verify no more. For a rotation as a careful operator
// does it, see [Server.AddKeys].
func (s *Server) RotateKeys() {
	keys := newKeyPair()
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.keys, s.pool.oldKeys = keys, nil
}

// AddKeys begins a rotation: the pool signs with new keys and goes on
// publishing the old ones, until [Server.DropOldKeys].
func (s *Server) AddKeys() {
	keys := newKeyPair()
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.oldKeys = append(s.pool.oldKeys, s.pool.keys)
	s.pool.keys = keys
}

// DropOldKeys withdraws all keys that the pool no longer signs with.
func (s *Server) DropOldKeys() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.oldKeys = nil
}

// published lists the keys in the key set, current ones first. Called with p.mu
// held.
func (p *pool) published() []*signingKey {
	keys := []*signingKey{p.keys.access, p.keys.id}
	for _, old := range p.oldKeys {
		keys = append(keys, old.access, old.id)
	}
	return keys
}

// keySet is the JWK Set of RFC 7517, with Cognito's members. Called with p.mu
// held.
func (p *pool) keySet() *reply {
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
	for _, k := range p.published() {
		set.Keys = append(set.Keys, jwk{
			Alg: "RS256", E: "AQAB", Kid: k.kid, Kty: "RSA", Use: "sig",
			N: base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
		})
	}
	r := jsonReply(200, set)
	r.contentType = "application/json"
	return r
}
