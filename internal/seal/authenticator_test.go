package seal_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cognitogate/cognitogate/internal/seal"
)

func TestAuthenticator(t *testing.T) {
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	newAuthenticator := func(purpose string, secrets ...[]byte) *seal.Authenticator {
		a, err := seal.NewAuthenticator(purpose, secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := newAuthenticator("handles", first)
	text := []byte("text")
	code := a.MAC(text)
	if len(code) != seal.MACSize || !a.Verify(text, code) || !newAuthenticator("handles", second, first).Verify(text, code) {
		t.Errorf("the code %x is refused", code)
	}
	for name, other := range map[string]*seal.Authenticator{
		"another purpose": newAuthenticator("handle", first),
		"another secret":  newAuthenticator("handles", second),
	} {
		if other.Verify(text, code) {
			t.Errorf("%s accepts the code", name)
		}
	}
	for i := range code {
		changed := slices.Clone(code)
		changed[i] ^= 1
		if a.Verify(text, changed) || a.Verify(text, code[:i]) {
			t.Errorf("the code is accepted with byte %d changed, or cut there", i)
		}
	}
	if a.Verify([]byte("texts"), code) || a.Verify(nil, code) || a.Verify(text, append(slices.Clone(code), 0)) {
		t.Error("another text is accepted, or a longer code")
	}
	if _, err := seal.NewAuthenticator("handles"); err == nil {
		t.Error("no error without a secret")
	}
}
