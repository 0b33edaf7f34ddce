// Package seal encrypts and authenticates small values that the browser keeps for
// us in a cookie. It wraps gorilla/securecookie, whose clock cannot be set and whose
// age limit is the same for all values: here the expiry stands in the value, and our
// clock decides.
package seal

import (
	"bytes"
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
		c.SetSerializer(securecookie.NopEncoder{}) // the JSON is ours
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
// as ttl. The text holds characters of base64url alone. A text that would be longer
// than any browser keeps, 4096 bytes, is an error.
func (s *Sealer) Seal(name string, v any, ttl time.Duration) (string, error) {
	value, err := marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	plain, err := marshal(sealed{s.now().Add(ttl).Unix(), value})
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	text, err := s.codecs[0].Encode(name, plain)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return text, nil
}

// marshal is json.Marshal without the escapes that make JSON safe inside of HTML:
// they make six bytes of every "&".
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// Open reads what Seal has returned for this name into v. After an error, which is
// [ErrInvalid], v is not to be used.
func (s *Sealer) Open(name, text string, v any) error {
	for _, c := range s.codecs {
		var plain []byte
		if c.Decode(name, text, &plain) != nil {
			continue
		}
		var got sealed
		if json.Unmarshal(plain, &got) != nil || s.now().Unix() >= got.Expires || json.Unmarshal(got.Value, v) != nil {
			return ErrInvalid
		}
		return nil
	}
	return ErrInvalid
}
