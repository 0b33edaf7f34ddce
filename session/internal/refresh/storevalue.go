package refresh

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/tokens"
)

// valueKind is the first byte of a value in the store. Everybody can read it. Where the rest
// is sealed, nobody can change it.
type valueKind byte

const (
	kindUnreadable valueKind = 0   // sealed with another secret, too old, or not ours
	kindClaim      valueKind = 'c' // somebody is about to call Cognito
	kindResult     valueKind = 'r' // refreshed tokens
	kindRefusal    valueKind = 'x' // Cognito refuses the refresh token
	kindTombstone  valueKind = 't' // the session was signed out
)

const claimSize = 1 + 16

// storeValue is a value of the store.
type storeValue struct {
	raw  []byte
	kind valueKind

	set     *tokens.Set      // of a result; nothing is verified
	refusal *tokens.APIError // of a refusal
	device  hash             // of a refusal: of the device key that was sent
}

// isOutcome reports whether a call has ended with the value.
func (v *storeValue) isOutcome() bool { return v.kind == kindResult || v.kind == kindRefusal }

// newClaim returns a claim that no other call has.
func newClaim() []byte {
	claim := make([]byte, claimSize)
	claim[0] = byte(kindClaim)
	rand.Read(claim[1:]) // never fails
	return claim
}

// sealedResult and sealedRefusal are the plaintexts.
type sealedResult struct {
	Access  string `json:"a"`
	ID      string `json:"i,omitempty"`
	Refresh string `json:"r"`
}

type sealedRefusal struct {
	Op      string `json:"o"`
	Status  int    `json:"s"`
	Code    string `json:"c"`
	Message string `json:"m"`
	Device  []byte `json:"d"`
}

// storeValues seal and open values for their keys.
type storeValues struct {
	box *seal.Box
	now func() time.Time
}

// result seals refreshed tokens. refreshToken is the one to use next.
func (v *storeValues) result(key string, set *tokens.Set, refreshToken string) []byte {
	return v.seal(kindResult, key, sealedResult{set.Access, set.ID, refreshToken}, resultMaxTTL)
}

// refusal seals a refusal of the refresh token with a device key.
func (v *storeValues) refusal(key string, refusal *tokens.APIError, deviceKey string) []byte {
	device := hashOf(deviceKey)
	return v.seal(kindRefusal, key, sealedRefusal{refusal.Op, refusal.Status, refusal.Code, refusal.Message, device[:]}, refusalTTL)
}

// tombstone needs no secret to be understood: its kind says all.
func (v *storeValues) tombstone(key string) []byte {
	return v.box.Seal(byte(kindTombstone), key, nil, v.now().Add(resultMaxTTL))
}

func (v *storeValues) seal(kind valueKind, key string, plain any, ttl time.Duration) []byte {
	text, err := json.Marshal(plain)
	if err != nil {
		panic(err) // of texts, a number and bytes
	}
	return v.box.Seal(byte(kind), key, text, v.now().Add(ttl))
}

// open returns what a value of the store means.
func (v *storeValues) open(key string, raw []byte) *storeValue {
	value := &storeValue{raw: raw}
	if len(raw) == 0 {
		return value
	}
	switch kind := valueKind(raw[0]); kind {
	case kindClaim:
		if len(raw) == claimSize {
			value.kind = kind
		}
	case kindTombstone:
		value.kind = kind
	case kindResult:
		var plain sealedResult
		if v.openInto(key, raw, &plain) && plain.Access != "" && plain.Refresh != "" {
			value.kind, value.set = kind, &tokens.Set{Access: plain.Access, ID: plain.ID, Refresh: plain.Refresh}
		}
	case kindRefusal:
		var plain sealedRefusal
		if v.openInto(key, raw, &plain) && len(plain.Device) == sha256.Size {
			value.kind, value.device = kind, hash(plain.Device)
			value.refusal = &tokens.APIError{Op: plain.Op, Status: plain.Status, Code: plain.Code, Message: plain.Message}
		}
	}
	return value
}

func (v *storeValues) openInto(key string, raw []byte, plain any) bool {
	text, _, err := v.box.Open(key, raw)
	return err == nil && json.NewDecoder(bytes.NewReader(text)).Decode(plain) == nil
}
