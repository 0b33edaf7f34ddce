package seal_test

import (
	"bytes"
	"testing"

	"github.com/cognitogate/cognitogate/internal/seal"
)

func TestCheckSecret(t *testing.T) {
	for name, c := range map[string]struct {
		secret []byte
		ok     bool
	}{
		"none":           {nil, false},
		"short":          {[]byte("0123456789abcdef0123456789abcde"), false},
		"zeros":          {make([]byte, 32), false},
		"a placeholder":  {bytes.Repeat([]byte("x"), 64), false},
		"long enough":    {[]byte("0123456789abcdef0123456789abcdef"), true},
		"a last byte":    {append(make([]byte, 31), 1), true}, // not random, but not one byte
		"a first byte":   {append([]byte{1}, make([]byte, 31)...), true},
		"more than need": {[]byte("0123456789abcdef0123456789abcdef0"), true},
	} {
		if err := seal.CheckSecret(c.secret); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
