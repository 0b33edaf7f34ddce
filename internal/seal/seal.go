// Package seal encrypts and authenticates values. Every value holds its expiry, and the
// clock can be set.
//
// A Sealer is for small values in cookies. It wraps gorilla/securecookie, which has a fixed
// clock and one age limit for all values. A Box is for longer values and for those of a
// store: securecookie encodes twice and stops at 4096 bytes.
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

// ErrInvalid reports a value that has expired, or that this Sealer did not seal under
// this name.
var ErrInvalid = errors.New("seal: invalid or expired")

// Sealer seals values for one purpose. It may be used by many goroutines at once.
type Sealer struct {
	codecs []*securecookie.SecureCookie // one for each secret; the first one seals
	now    func() time.Time
}

// New returns a Sealer for a purpose. The first secret seals, and all of them open: a
// secret can be replaced while values sealed with it are in use. Keys are derived from
// the secrets and the purpose (HKDF, RFC 5869), so a value sealed for one purpose does
// not open for another.
func New(purpose string, now func() time.Time, secrets ...[]byte) (*Sealer, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	s := &Sealer{now: now}
	for _, secret := range secrets {
		keys, err := hkdf.Key(sha256.New, secret, nil, "cognitogate "+purpose, 64)
		if err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		c := securecookie.New(keys[:32], keys[32:]) // HMAC-SHA-256 and AES-256
		c.MaxAge(0)
		c.SetSerializer(securecookie.NopEncoder{}) // Seal makes the JSON
		s.codecs = append(s.codecs, c)
	}
	return s, nil
}

func checkSecrets(secrets [][]byte) error {
	if len(secrets) == 0 {
		return errors.New("seal: no secret")
	}
	for i, secret := range secrets {
		if len(secret) < MinSecret {
			return fmt.Errorf("seal: secret %d has %d bytes, fewer than %d", i, len(secret), MinSecret)
		}
	}
	return nil
}

// sealed is the plaintext.
type sealed struct {
	Expires int64           `json:"exp"`
	Value   json.RawMessage `json:"v"`
}

// Seal returns v as a text that only Open with the same name can read, until ttl has
// passed. The text is base64url. A text of more than 4096 bytes is an error: no
// browser stores it.
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

// marshal is json.Marshal without the escapes for HTML, which make six bytes of every
// "&".
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// Open decodes a text that Seal has returned for this name into v. Its only error is
// [ErrInvalid]. Do not use v after an error.
func (s *Sealer) Open(name, text string, v any) error {
	for _, c := range s.codecs {
		var plain []byte
		if c.Decode(name, text, &plain) != nil {
			continue
		}
		var value sealed
		if json.Unmarshal(plain, &value) != nil || s.now().Unix() >= value.Expires || json.Unmarshal(value.Value, v) != nil {
			return ErrInvalid
		}
		return nil
	}
	return ErrInvalid
}
