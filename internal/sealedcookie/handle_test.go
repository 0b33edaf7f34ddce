package sealedcookie_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/sealedcookie"
)

func TestHandle(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	first, second := bytes.Repeat([]byte("1"), 32), bytes.Repeat([]byte("2"), 32)
	newHandles := func(pool, client string, secrets ...[]byte) *sealedcookie.Handles {
		h, err := sealedcookie.NewHandles(pool, client, func() time.Time { return now }, secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := newHandles("pool", "client", first)
	handle, other := h.New(), h.New()
	if handle == other || len(handle.Text) != 64 || !strings.HasPrefix(handle.Key, "cg1:h:") || strings.Contains(handle.Key, handle.Text[:20]) {
		t.Fatalf("handles %v and %v", handle, other)
	}
	s := &sealedcookie.Session{User: "ada", Access: "a.b.c", Refresh: "r", SignedIn: now, Refreshed: now, Expires: now.Add(time.Hour)}
	record := h.Seal(handle, s, now.Add(time.Minute))
	rotated := newHandles("pool", "client", second, first)
	for _, handles := range []*sealedcookie.Handles{h, rotated} {
		got, ok := handles.Parse(handle.Text)
		opened, opens := handles.Open(got, record)
		if !ok || got != handle || !opens || *opened != *s {
			t.Errorf("parsed %v, %t, opened %v", got, ok, opened)
		}
	}
	for name, handles := range map[string]*sealedcookie.Handles{
		"another secret": newHandles("pool", "client", second), "another app client": newHandles("pool", "clienx", first), "another user pool": newHandles("poox", "client", first),
	} {
		_, ok := handles.Parse(handle.Text)
		if _, opens := handles.Open(handle, record); ok || opens {
			t.Errorf("%s: parsed %t, opened %t", name, ok, opens)
		}
	}
	for i := range handle.Text {
		for _, with := range "A_~\n=" {
			changed := handle.Text[:i] + string(with) + handle.Text[i+1:]
			if _, ok := h.Parse(changed); ok && changed != handle.Text {
				t.Errorf("parsed %q", changed)
			}
		}
	}
	bare, _ := base64.RawURLEncoding.DecodeString(handle.Text)
	for _, text := range []string{"", handle.Text[:63], handle.Text + "A", handle.Text + "=", base64.RawURLEncoding.EncodeToString(bare[:32])} {
		if _, ok := h.Parse(text); ok {
			t.Errorf("parsed %q", text)
		}
	}
	for i := range record {
		changed := slices.Clone(record)
		changed[i] ^= 1
		if _, ok := h.Open(handle, changed); ok {
			t.Errorf("opened with byte %d changed", i)
		}
	}
	for name, open := range map[string]func() (*sealedcookie.Session, bool){
		"another handle": func() (*sealedcookie.Session, bool) { return h.Open(other, record) },
		"nothing":        func() (*sealedcookie.Session, bool) { return h.Open(handle, nil) },
		"expired": func() (*sealedcookie.Session, bool) {
			now = now.Add(time.Minute)
			return h.Open(handle, record)
		},
	} {
		if _, ok := open(); ok {
			t.Errorf("%s: opened", name)
		}
	}
	codec, err := sealedcookie.New("p.", "pool", "client", time.Now, first)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := codec.Parse("p." + sealedcookie.HandleName); ok {
		t.Error("a Codec takes the name for one of its own")
	}
	if _, err := sealedcookie.NewHandles("pool", "client", time.Now, first[:31]); err == nil {
		t.Error("no error with a short secret")
	}
}
