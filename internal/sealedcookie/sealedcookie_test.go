package sealedcookie_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
)

var (
	secret = bytes.Repeat([]byte("s"), 32)
	older  = bytes.Repeat([]byte("o"), 32)
	start  = time.Unix(1_800_000_000, 0)
)

const prefix = "__Host-cognitogate.session.1client."

func newCodec(t testing.TB, clientID string, now *time.Time, secrets ...[]byte) *sealedcookie.Codec {
	t.Helper()
	c, err := sealedcookie.New(prefix, "eu-west-1_Pool", clientID, func() time.Time { return *now }, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// token returns a text like a token, with some claims of this size.
func token(i, size int) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"kid":"1"}`) + "." + part(fmt.Sprintf(`{"i":%d,"g":%q}`, i, strings.Repeat("g", size))) + "." + part(strings.Repeat("\xa7", 256))
}

func newSession(i, size int) *sealedcookie.Session {
	return &sealedcookie.Session{
		User: "ada@example.com", Access: token(i, size), ID: token(i+1, size), Refresh: token(i+2, 100),
		SignedIn: start.Add(-time.Hour), Refreshed: start, Expires: start.Add(time.Hour),
	}
}

func valuesOf(cookies []sealedcookie.Cookie) (values []string) {
	for _, c := range cookies {
		values = append(values, c.Value)
	}
	return values
}

func TestSessionComesBack(t *testing.T) {
	now := start
	c := newCodec(t, "1client", &now, secret)
	name := c.Name("sign-in")
	for chunks, s := range map[int]*sealedcookie.Session{
		1: newSession(1, 100),
		2: newSession(1, 1500),
		4: newSession(1, 5000),
		0: {}, // one, too
	} {
		cookies := c.Seal(name, s, now.Add(time.Hour))
		if len(cookies) != max(chunks, 1) {
			t.Errorf("%d cookies, want %d", len(cookies), chunks)
		}
		for i, cookie := range cookies {
			if len(cookie.Name)+len(cookie.Value) > 3800 || strings.Contains(cookie.Value, "eyJraWQi") {
				t.Errorf("%s has %d bytes: %.40s", cookie.Name, len(cookie.Value), cookie.Value)
			}
			if n, position, ok := c.Parse(cookie.Name); !ok || n != name || position != i && (len(cookies) > 1 || position != -1) {
				t.Errorf("%s is chunk %d of %s, %t", cookie.Name, position, n, ok)
			}
		}
		opened, ok := c.Open(name, valuesOf(cookies))
		if !ok || s.User != "" && !reflect.DeepEqual(opened, s) {
			t.Errorf("%d cookies: %.80v, %t", len(cookies), opened, ok)
		}
		if again := newCodec(t, "1client", &now, secret).Seal(name, s, now.Add(time.Hour)); !slices.Equal(again, cookies) {
			t.Error("a session is sealed as two texts")
		}
		if later := c.Seal(name, s, now.Add(time.Hour+1)); sealedcookie.Tag(later[0].Value) == sealedcookie.Tag(cookies[0].Value) {
			t.Error("two texts have one tag")
		}
	}
}

// TestOddTextsComeBack: a text that looks like a token may be spelled as no encoder does.
func TestOddTextsComeBack(t *testing.T) {
	now := start
	c := newCodec(t, "1client", &now, secret)
	for _, text := range []string{"", ".", "..", "a", "ab", "aa", "YQ", "YR", "YQ.YR", "Y\nQ", "YQ==", "e30.e30.", "ö", strings.Repeat(".", 300), "a.b c"} {
		s := newSession(1, 10)
		s.Access, s.Refresh, s.User = text, text, text
		opened, ok := c.Open("n", valuesOf(c.Seal("n", s, now.Add(time.Hour))))
		if !ok || !reflect.DeepEqual(opened, s) {
			t.Errorf("%q: %.80v, %t", text, opened, ok)
		}
	}
}

func TestNothingElseOpens(t *testing.T) {
	now := start
	c := newCodec(t, "1client", &now, secret)
	name := c.Name("sign-in")
	values := valuesOf(c.Seal(name, newSession(1, 5000), now.Add(time.Hour)))
	other := valuesOf(c.Seal(name, newSession(5, 5000), now.Add(time.Hour)))
	if len(values) != 4 || len(other) != 4 {
		t.Fatal(len(values), len(other))
	}
	retagged := sealedcookie.Tag(values[1]) + other[1][len(sealedcookie.Tag(values[1])):]
	for title, open := range map[string]func() (*sealedcookie.Session, bool){
		"nothing":            func() (*sealedcookie.Session, bool) { return c.Open(name, nil) },
		"empty":              func() (*sealedcookie.Session, bool) { return c.Open(name, []string{""}) },
		"junk":               func() (*sealedcookie.Session, bool) { return c.Open(name, []string{"junk"}) },
		"a chunk is missing": func() (*sealedcookie.Session, bool) { return c.Open(name, values[:3]) },
		"the first is missing": func() (*sealedcookie.Session, bool) {
			return c.Open(name, values[1:])
		},
		"another order": func() (*sealedcookie.Session, bool) {
			return c.Open(name, []string{values[0], values[2], values[1], values[3]})
		},
		"a chunk of another session": func() (*sealedcookie.Session, bool) {
			return c.Open(name, []string{values[0], other[1], values[2], values[3]})
		},
		"a chunk of another session with this tag": func() (*sealedcookie.Session, bool) {
			return c.Open(name, []string{values[0], retagged, values[2], values[3]})
		},
		"a chunk with another tag": func() (*sealedcookie.Session, bool) {
			return c.Open(name, []string{values[0], "AAAAAAAA" + values[1][8:], values[2], values[3]})
		},
		"a chunk twice":  func() (*sealedcookie.Session, bool) { return c.Open(name, append(slices.Clone(values), values[3])) },
		"another name":   func() (*sealedcookie.Session, bool) { return c.Open(c.Name("another"), values) },
		"another client": func() (*sealedcookie.Session, bool) { return newCodec(t, "2client", &now, secret).Open(name, values) },
		"another secret": func() (*sealedcookie.Session, bool) { return newCodec(t, "1client", &now, older).Open(name, values) },
		"a line break": func() (*sealedcookie.Session, bool) {
			return c.Open(name, append([]string{values[0] + "\n"}, values[1:]...))
		},
		"too late": func() (*sealedcookie.Session, bool) {
			late := now.Add(time.Hour)
			return newCodec(t, "1client", &late, secret).Open(name, values)
		},
	} {
		if s, ok := open(); ok {
			t.Errorf("%s opens as %.80v", title, s)
		}
	}
	if _, ok := newCodec(t, "1client", &now, older, secret).Open(name, values); !ok {
		t.Error("with the old secret second")
	}
}

func TestNames(t *testing.T) {
	now := start
	c := newCodec(t, "1client", &now, secret)
	name := c.Name("sign-in")
	if name == c.Name("another") || name == newCodec(t, "2client", &now, secret).Name("sign-in") || len(name) != len(prefix)+8 {
		t.Errorf("names: %s", name)
	}
	for cookieName, want := range map[string]int{
		name: -1, name + ".0": 0, name + ".9": 9, name + ".15": 15,
		name + ".16": -2, name + ".00": -2, name + ".01": -2, name + ".": -2, name + ".-1": -2, name + ".x": -2, name + ".100": -2, name + "x": -2, name + "%2E0": -2,
		strings.Replace(name, "__Host-", "__host-", 1): -2, strings.Replace(name, "__Host-", "%5F%5FHost-", 1): -2, " " + name: -2,
		name[:len(name)-1]: -2, prefix: -2, "": -2,
	} {
		n, position, ok := c.Parse(cookieName)
		if ok != (want > -2) || ok && (n != name || position != want) {
			t.Errorf("%q: %q, %d, %t", cookieName, n, position, ok)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, test := range []struct {
		a    cookie.Attributes
		want string
	}{
		{cookie.Attributes{}, "__Host-"},
		{cookie.Attributes{Path: "/", Partitioned: true}, "__Host-"},
		{cookie.Attributes{Path: "/app"}, "__Secure-"},
		{cookie.Attributes{Domain: "example.com", Path: "/"}, "__Secure-"},
		{cookie.Attributes{Insecure: true}, ""},
		{cookie.Attributes{Insecure: true, Domain: "example.com"}, ""},
	} {
		if got := sealedcookie.Prefix("1client", test.a); got != test.want+"cognitogate.session.1client." {
			t.Errorf("%.80v: %s", test.a, got)
		}
	}
}

// FuzzOpen changes sealed cookies. No change opens.
func FuzzOpen(f *testing.F) {
	now := start
	c := newCodec(f, "1client", &now, secret)
	values := valuesOf(c.Seal("n", newSession(1, 1500), now.Add(time.Hour)))
	f.Add(values[0], values[1])
	f.Add(values[1], values[0])
	f.Add(values[0]+values[1], "")
	f.Fuzz(func(t *testing.T, first, second string) {
		list := []string{first, second}
		if second == "" {
			list = list[:1]
		}
		if s, ok := c.Open("n", list); ok && !slices.Equal(list, values) {
			t.Errorf("opens as %.80v", s)
		}
	})
}
