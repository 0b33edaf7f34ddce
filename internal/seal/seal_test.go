package seal_test

import (
	"bytes"
	"encoding/base64"
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

func TestSealRefusesLongTexts(t *testing.T) {
	s := newSealer(t, "flow", &clock{time.Unix(1_800_000_000, 0)}, secret)
	text, err := s.Seal("name", strings.Repeat("&", 2000), time.Minute)
	if err != nil || len(text) > 3800 {
		t.Errorf("2000 bytes become %d, %v", len(text), err)
	}
	if _, err := s.Seal("name", strings.Repeat("&", 4000), time.Minute); err == nil {
		t.Error("a text of more than 4096 bytes")
	}
	if _, err := s.Seal("name", func() {}, time.Minute); err == nil {
		t.Error("a function is sealed")
	}
}

func TestAnotherType(t *testing.T) {
	s := newSealer(t, "flow", &clock{time.Unix(1_800_000_000, 0)}, secret)
	text, err := s.Seal("name", "a string", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ A int }
	if err := s.Open("name", text, &got); !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("a string opens as a struct: %v", err)
	}
}

// texts are "value" under "name", sealed with each of the secrets. They are constants
// for two reasons: all processes of a fuzz run need the same ones, and a newer release
// must open the texts of an older one.
var texts = []string{
	"MTc5NTQ2Mjg0OHxMbWw5NDdLYmF4dFhmTWFzMDJjdDJQdDNua2FIejFSOXR4TGI4YXNfc3BORG84TGh3QnZLUi1jZGYtTG5NbzQ9fJBD8jr3pu-x2gnRK1x_cUI_0UTBRPzlSpWX4KNhomw7",
	"MTc5NTQ2Mjg0OHxqOFZTYVR3Z3VuSWVwZHZGa1Zma3l5MVZOekozd2NJd3lJY0Q3SGRoUDJidTdjRlI3ZlpJd0lIRGd3SVhaV1k9fHDoP5dhW4DaneMld8CYtzsdIdkTvT5dHoCkUROItUJB",
}

// FuzzOpen checks that a text opens only if it was sealed with one of the secrets under
// this name.
func FuzzOpen(f *testing.F) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newSealer(f, "flow", c, secret, older)
	for _, text := range texts {
		f.Add("name", text)
		f.Add("name", text[:len(text)-1])
		f.Add("nam", "e"+text)
	}
	f.Add("", "")
	f.Fuzz(func(t *testing.T, name, text string) {
		var got string
		err := s.Open(name, text, &got)
		if err != nil {
			if !errors.Is(err, seal.ErrInvalid) {
				t.Errorf("%q, %q: %v", name, text, err)
			}
			return
		}
		if got != "value" || name != "name" {
			t.Fatalf("%q opens to %q as %q", text, got, name)
		}
		// Another base64 spelling of the same bytes is no forgery.
		for _, original := range texts {
			if bytes.Equal(decoded(t, text), decoded(t, original)) {
				return
			}
		}
		t.Errorf("%q was never sealed", text)
	})
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.URLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
