package seal_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/seal"
)

func newBox(t *testing.T, purpose string, now *time.Time, secrets ...[]byte) *seal.Box {
	t.Helper()
	box, err := seal.NewBox(purpose, func() time.Time { return *now }, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestBox(t *testing.T) {
	now := time.Now()
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	box := newBox(t, "results", &now, first)
	plain := bytes.Repeat([]byte("eyJ"), 3000)
	expires := now.Add(time.Minute)
	sealed := box.Seal('r', "key", plain, expires)
	if len(sealed) != len(plain)+seal.Overhead || sealed[0] != 'r' || bytes.Contains(sealed, []byte("eyJeyJ")) {
		t.Fatalf("sealed %d bytes as %d of kind %q", len(plain), len(sealed), sealed[0])
	}
	if bytes.Equal(sealed, box.Seal('r', "key", plain, expires)) {
		t.Error("the same value is sealed the same twice")
	}

	opened, until, err := box.Open("key", sealed)
	if err != nil || !bytes.Equal(opened, plain) || !until.Equal(expires) {
		t.Fatalf("opened %d bytes until %v, %v", len(opened), until, err)
	}
	if empty, _, err := box.Open("key", box.Seal('e', "key", nil, expires)); err != nil || len(empty) != 0 {
		t.Errorf("an empty value opens as %q, %v", empty, err)
	}
	if _, _, err := newBox(t, "results", &now, second, first).Open("key", sealed); err != nil {
		t.Errorf("with the old secret second: %v", err)
	}

	for name, open := range map[string]func() ([]byte, time.Time, error){
		"another name":    func() ([]byte, time.Time, error) { return box.Open("kez", sealed) },
		"another purpose": func() ([]byte, time.Time, error) { return newBox(t, "record", &now, first).Open("key", sealed) },
		"another secret":  func() ([]byte, time.Time, error) { return newBox(t, "results", &now, second).Open("key", sealed) },
		"nothing":         func() ([]byte, time.Time, error) { return box.Open("key", nil) },
		"cut":             func() ([]byte, time.Time, error) { return box.Open("key", sealed[:seal.Overhead-1]) },
	} {
		if _, _, err := open(); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range sealed[:seal.Overhead] {
		changed := slices.Clone(sealed)
		changed[i] ^= 1
		if _, _, err := box.Open("key", changed); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	now = expires
	if _, _, err := box.Open("key", sealed); !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("expired: %v", err)
	}
}

func TestBoxNeedsSecrets(t *testing.T) {
	for _, secrets := range [][][]byte{nil, {make([]byte, 31)}, {make([]byte, 32), nil}} {
		if _, err := seal.NewBox("p", time.Now, secrets...); err == nil {
			t.Errorf("secrets of %d: no error", len(secrets))
		}
	}
}

// TestSealSame: the same arguments bring the same value, and any other argument another
// salt, and so another key.
func TestSealSame(t *testing.T) {
	now := time.Now()
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	box, expires := newBox(t, "results", &now, first), now.Add(time.Minute)
	plain := bytes.Repeat([]byte("eyJ"), 3000)
	sealed := box.SealSame('r', "key", plain, expires)
	if !bytes.Equal(sealed, newBox(t, "results", &now, first, second).SealSame('r', "key", plain, expires)) {
		t.Error("the same is sealed as two values")
	}
	opened, until, err := newBox(t, "results", &now, second, first).Open("key", sealed)
	if err != nil || !bytes.Equal(opened, plain) || !until.Equal(expires) || len(sealed) != len(plain)+seal.Overhead {
		t.Fatalf("opened %d bytes until %v, %v", len(opened), until, err)
	}
	changed := slices.Clone(plain)
	changed[len(changed)-1] ^= 1
	salts := map[string]string{string(sealed[1:25]): "the first"}
	for name, other := range map[string][]byte{
		"another kind":      box.SealSame('s', "key", plain, expires),
		"another name":      box.SealSame('r', "kez", plain, expires),
		"a longer name":     box.SealSame('r', "keye", plain, expires),
		"another plaintext": box.SealSame('r', "key", changed, expires),
		"a shorter one":     box.SealSame('r', "key", plain[1:], expires),
		"none":              box.SealSame('r', "key", nil, expires),
		"another expiry":    box.SealSame('r', "key", plain, expires.Add(1)),
		"another secret":    newBox(t, "results", &now, second).SealSame('r', "key", plain, expires),
		"another purpose":   newBox(t, "record", &now, first).SealSame('r', "key", plain, expires),
		"a random salt":     box.Seal('r', "key", plain, expires),
	} {
		salt := string(other[1:25])
		if known, ok := salts[salt]; ok {
			t.Errorf("%s has the salt of %s", name, known)
		}
		salts[salt] = name
	}
	for i := range sealed[:seal.Overhead] {
		broken := slices.Clone(sealed)
		broken[i] ^= 1
		if _, _, err := box.Open("key", broken); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}
