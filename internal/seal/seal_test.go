package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/seal"
)

var (
	secret = bytes.Repeat([]byte("s"), 32)
	older  = bytes.Repeat([]byte("o"), 32)
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newSealer(t testing.TB, purpose string, c *clock, secrets ...[]byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(purpose, c.Now, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedValueComesBack(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newSealer(t, "flow", c, secret)
	text, err := s.Seal("name", map[string]string{"state": "a;b\x00"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=") != "" {
		t.Errorf("%q does not fit in a cookie", text)
	}
	var got map[string]string
	if err := s.Open("name", text, &got); err != nil || got["state"] != "a;b\x00" {
		t.Errorf("got %v, %v", got, err)
	}
	for name, open := range map[string]func() error{
		"another name":    func() error { return s.Open("other", text, &got) },
		"another purpose": func() error { return newSealer(t, "marker", c, secret).Open("name", text, &got) },
		"another secret":  func() error { return newSealer(t, "flow", c, older).Open("name", text, &got) },
		"cut":             func() error { return s.Open("name", text[:len(text)-2], &got) },
		"empty":           func() error { return s.Open("name", "", &got) },
		"changed":         func() error { return s.Open("name", "A"+text[1:], &got) },
		"too late": func() error {
			late := &clock{c.now.Add(time.Minute)}
			return newSealer(t, "flow", late, secret).Open("name", text, &got)
		},
	} {
		if err := open(); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretsCanBeReplaced(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	text, err := newSealer(t, "flow", c, older).Seal("name", 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if err := newSealer(t, "flow", c, secret, older).Open("name", text, &got); err != nil || got != 1 {
		t.Errorf("an old secret's value: %v", err)
	}
	if _, err := seal.New("flow", c.Now, secret[:31]); err == nil {
		t.Error("a short secret is accepted")
	}
	if _, err := seal.New("flow", c.Now); err == nil {
		t.Error("no secret is accepted")
	}
}

func FuzzOpen(f *testing.F) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newSealer(f, "flow", c, secret)
	text, err := s.Seal("name", "value", time.Minute)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Fuzz(func(t *testing.T, text2 string) {
		var got string
		// base64 has more than one spelling of the same bytes; those are no forgery.
		if err := s.Open("name", text2, &got); err == nil && got != "value" {
			t.Errorf("%q opens to %q", text2, got)
		}
	})
}
