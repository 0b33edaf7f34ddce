package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// MACSize is the length of what Authenticator.MAC returns.
const MACSize = 16

// Authenticator tells texts of its own from others, for one purpose: HMAC-SHA256, of which
// it takes the first 16 bytes. It may be used by many goroutines at once.
type Authenticator struct {
	keys [][]byte // the first one makes
}

// NewAuthenticator returns an Authenticator for a purpose. The first secret makes, and all
// of them verify, as for [New].
func NewAuthenticator(purpose string, secrets ...[]byte) (*Authenticator, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	a := new(Authenticator)
	for _, secret := range secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, "cognitogate authenticator "+purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		a.keys = append(a.keys, key)
	}
	return a, nil
}

// MAC returns the code of a text.
func (a *Authenticator) MAC(text []byte) []byte { return mac(a.keys[0], text) }

// Verify reports whether MAC has returned the code for this text, with any of the secrets.
func (a *Authenticator) Verify(text, code []byte) bool {
	for _, key := range a.keys {
		if hmac.Equal(code, mac(key, text)) {
			return true
		}
	}
	return false
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)[:MACSize]
}
