package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	saltSize   = 24 // of the key of a value
	expirySize = 8
	tagSize    = 16

	// Overhead is how many bytes a sealed value is longer than its plaintext.
	Overhead = 1 + saltSize + expirySize + tagSize
)

// Box seals values that are too long for a [Sealer], for one purpose: AES-256-GCM with a
// key for each value, so no nonce can repeat. It may be used by many goroutines at once.
//
// A sealed value begins with its kind, a byte that can be read without a key and that no
// one can change without one.
type Box struct {
	secrets [][]byte // derived; the first one seals
	purpose string
	now     func() time.Time
}

// NewBox returns a Box for a purpose. The first secret seals, and all of them open, as
// for [New].
func NewBox(purpose string, now func() time.Time, secrets ...[]byte) (*Box, error) {
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	b := &Box{purpose: "cognitogate box " + purpose, now: now}
	for _, secret := range secrets {
		derived, err := hkdf.Extract(sha256.New, secret, nil)
		if err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		b.secrets = append(b.secrets, derived)
	}
	return b, nil
}

// Seal returns plain as a value that only Open with the same name can read, until expires.
func (b *Box) Seal(kind byte, name string, plain []byte, expires time.Time) []byte {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	return b.seal(kind, salt, name, withExpiry(plain, expires))
}

// SealSame is Seal, but returns the same value for the same arguments, in all processes with
// the same secret. It shows who has seen two values whether they are the same, and nothing
// else. The salt is a code of all that is sealed. So two plaintexts have two keys, and no
// key and nonce ever seals two of them.
func (b *Box) SealSame(kind byte, name string, plain []byte, expires time.Time) []byte {
	text := withExpiry(plain, expires)
	key, err := hkdf.Expand(sha256.New, b.secrets[0], "salt "+b.purpose, sha256.Size)
	if err != nil {
		panic(err) // 32 bytes are not too many
	}
	code := hmac.New(sha256.New, key)
	code.Write(binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(name))))
	code.Write([]byte(name))
	code.Write(text)
	return b.seal(kind, code.Sum(nil)[:saltSize], name, text)
}

func (b *Box) seal(kind byte, salt []byte, name string, text []byte) []byte {
	sealed := append(make([]byte, 0, 1+saltSize+len(text)+tagSize), kind)
	sealed = append(sealed, salt...)
	return b.cipher(0, salt).Seal(sealed, make([]byte, 12), text, additional(kind, name))
}

func withExpiry(plain []byte, expires time.Time) []byte {
	text := binary.BigEndian.AppendUint64(make([]byte, 0, expirySize+len(plain)), uint64(expires.UnixNano()))
	return append(text, plain...)
}

// Open returns the plaintext of a value that Seal has returned for this name, and when it
// expires. Its only error is [ErrInvalid].
func (b *Box) Open(name string, sealed []byte) (plain []byte, expires time.Time, err error) {
	if len(sealed) < Overhead {
		return nil, time.Time{}, ErrInvalid
	}
	kind, salt, text := sealed[0], sealed[1:1+saltSize], sealed[1+saltSize:]
	for i := range b.secrets {
		plain, err := b.cipher(i, salt).Open(nil, make([]byte, 12), text, additional(kind, name))
		if err != nil {
			continue
		}
		expires := time.Unix(0, int64(binary.BigEndian.Uint64(plain)))
		if !b.now().Before(expires) {
			return nil, time.Time{}, ErrInvalid
		}
		return plain[expirySize:], expires, nil
	}
	return nil, time.Time{}, ErrInvalid
}

// cipher returns the cipher of one value.
func (b *Box) cipher(secret int, salt []byte) cipher.AEAD {
	key, err := hkdf.Expand(sha256.New, b.secrets[secret], string(salt)+b.purpose, 32)
	if err != nil {
		panic(err) // 32 bytes are not too many
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has GCM's block size
	}
	return aead
}

func additional(kind byte, name string) []byte { return append([]byte{kind}, name...) }
