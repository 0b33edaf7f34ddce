package sealedcookie

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/seal"
)

const (
	recordKind = 'h'
	handleSize = 32 // random bytes

	// HandleName follows the prefix in the name of the cookie with a handle. No name of a
	// Codec ends like it.
	HandleName = "handle"

	// TakenOverName follows it in the names of cookies with a handle of Handles.Of.
	TakenOverName = "amplify."
)

var handleLength = base64.RawURLEncoding.EncodedLen(handleSize + seal.MACSize)

// Handle names the record of a session in a store. Its text is the cookie's value.
type Handle struct {
	Text string
	Key  string // of the record
}

// Handles make the handles of one app client, and seal the records under them.
type Handles struct {
	codes *seal.Authenticator
	box   *seal.Box
}

// NewHandles returns Handles. The secrets are as for [New].
func NewHandles(userPoolID, clientID string, now func() time.Time, secrets ...[]byte) (*Handles, error) {
	client := userPoolID + " " + clientID
	codes, err := seal.NewAuthenticator("session handle "+client, secrets...)
	if err != nil {
		return nil, fmt.Errorf("sealedcookie: %w", err)
	}
	box, err := seal.NewBox("session record "+client, now, secrets...)
	if err != nil {
		return nil, fmt.Errorf("sealedcookie: %w", err)
	}
	return &Handles{codes, box}, nil
}

// New returns a handle that no other session has.
func (h *Handles) New() Handle {
	random := make([]byte, handleSize, handleSize+seal.MACSize)
	rand.Read(random) // never fails
	return h.handleOf(random)
}

// Of returns the handle of a session that is taken over from other cookies with these
// tokens, and a name for its cookie. Both are always the same. Only who has the secret can
// make the handle, and nobody gets it who does not show both tokens.
func (h *Handles) Of(access, refresh string) (handle Handle, name string) {
	text := access + " " + refresh
	handle = h.handleOf(append(h.codes.MAC([]byte("taken over 1 "+text)), h.codes.MAC([]byte("taken over 2 "+text))...))
	digest := sha256.Sum256([]byte(text))
	return handle, TakenOverName + base64.RawURLEncoding.EncodeToString(digest[:])[:digestLength]
}

func (h *Handles) handleOf(id []byte) Handle {
	code := h.codes.MAC(id)
	return Handle{base64.RawURLEncoding.EncodeToString(append(id[:handleSize:handleSize], code...)), recordKey(id)}
}

// Parse returns the handle of a cookie's value. It reports false for a text that New has
// not returned, with any of the secrets: no store needs to be asked about it.
func (h *Handles) Parse(value string) (Handle, bool) {
	if len(value) != handleLength {
		return Handle{}, false
	}
	// Strict refuses other spellings of the same bytes, except for line breaks, which the
	// length rules out.
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(decoded) != handleSize+seal.MACSize || !h.codes.Verify(decoded[:handleSize], decoded[handleSize:]) {
		return Handle{}, false
	}
	return Handle{strings.Clone(value), recordKey(decoded[:handleSize])}, true
}

// recordKey is a hash, so that nobody who reads the store learns a handle.
func recordKey(random []byte) string {
	sum := sha256.Sum256(random)
	return "cg1:h:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Seal returns the record of a session, until expires.
func (h *Handles) Seal(handle Handle, s *Session, expires time.Time) []byte {
	return h.box.Seal(recordKind, handle.Key, s.encode(), expires)
}

// Open returns the session in a record. It reports false if a secret of the Handles has not
// sealed it for this handle, or if it has expired.
func (h *Handles) Open(handle Handle, record []byte) (*Session, bool) {
	if len(record) == 0 || record[0] != recordKind {
		return nil, false
	}
	plain, _, err := h.box.Open(handle.Key, record)
	if err != nil {
		return nil, false
	}
	return decode(plain)
}
