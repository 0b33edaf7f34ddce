// Package seal encrypts and authenticates small values that the browser keeps for
// us in a cookie. It wraps gorilla/securecookie, whose clock cannot be set and whose
// age limit is the same for all values: here the expiry stands in the value, and our
// clock decides.
package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/securecookie"
)

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 32

// ErrInvalid reports a value that this Sealer did not seal, or not under this name,
// or that has expired.
var ErrInvalid = errors.New("seal: invalid or expired")

// Sealer seals values for one purpose. It may be used by many goroutines at once.
type Sealer struct {
	codecs []*securecookie.SecureCookie // the first one seals
	now    func() time.Time
}

// New returns a Sealer for a purpose. The first secret seals; all of them open, so
// that a secret can be replaced without breaking what is under way. Keys are derived
// from the secrets (HKDF, RFC 5869) with the purpose, so that a value sealed for one
// purpose is worth nothing for another.
func New(purpose string, now func() time.Time, secrets ...[]byte) (*Sealer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("seal: no secret")
	}
	s := &Sealer{now: now}
	for i, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("seal: secret %d has %d bytes, fewer than %d", i, len(secret), MinSecret)
		}
		keys, err := hkdf.Key(sha256.New, secret, nil, "cognitogate "+purpose, 64)
		if err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		c := securecookie.New(keys[:32], keys[32:]) // HMAC-SHA-256 and AES-256
		c.MaxAge(0)
		c.SetSerializer(securecookie.JSONEncoder{})
		s.codecs = append(s.codecs, c)
	}
	return s, nil
}

// sealed is what is encrypted.
type sealed struct {
	Expires int64           `json:"exp"`
	Value   json.RawMessage `json:"v"`
}

// Seal returns v as a text that only Open with the same name can read, for as long
// as ttl. The text holds characters of base64url alone.
func (s *Sealer) Seal(name string, v any, ttl time.Duration) (string, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	text, err := s.codecs[0].Encode(name, sealed{s.now().Add(ttl).Unix(), value})
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return text, nil
}

// Open reads what Seal has returned for this name into v, which is untouched if the
// error, [ErrInvalid], is not nil.
func (s *Sealer) Open(name, text string, v any) error {
	for _, c := range s.codecs {
		var got sealed
		if c.Decode(name, text, &got) != nil {
			continue
		}
		if s.now().Unix() >= got.Expires || json.Unmarshal(got.Value, v) != nil {
			return ErrInvalid
		}
		return nil
	}
	return ErrInvalid
}
