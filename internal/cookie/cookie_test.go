package cookie_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
)

// cookiesOf returns the names and values that next finds in a header.
func cookiesOf(header string, next func(string) (name, value, rest string)) (found []string) {
	for name, value, rest := next(header); name != ""; name, value, rest = next(rest) {
		found = append(found, name, value)
	}
	return found
}

func TestNext(t *testing.T) {
	for _, test := range []struct {
		name, header string
		want         []string // name, value, name, value, …
	}{
		{"empty", "", nil},
		{"one", "a=1", []string{"a", "1"}},
		{"two", "a=1; b=2", []string{"a", "1", "b", "2"}},
		{"without a space", "a=1;b=2", []string{"a", "1", "b", "2"}},
		{"white space", " a\t=\t1 ;  b = 2 3 ", []string{"a", "1", "b", "2 3"}},
		{"no value", "a=; b; c=3", []string{"a", "", "b", "", "c", "3"}},
		{"no name", "=1; ;; a=1; =", []string{"a", "1"}},
		{"two of one name", "a=1; a=2", []string{"a", "1", "a", "2"}},
		{"more than one =", "a==b=c", []string{"a", "=b=c"}},
		{"quotes stay", `a="1"; "b"=2`, []string{"a", `"1"`, `"b"`, "2"}},
		{"names that are not tokens", "a@b=1; é=2; \x00=3", []string{"a@b", "1", "é", "2", "\x00", "3"}},
	} {
		if got := cookiesOf(test.header, cookie.Next); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// prefixHeaders have cookies with and without the prefix "p.".
var prefixHeaders = []string{"", "p.a=1", " p.a=1;p.b=2", "a=1; p.a=1 ; b=2; p.b", ";;; p.=x;", "=p.a; p.a", "a=p.b=2; \tp.a\t=\t3", "p.", "p", "p .a=1; p.a =1"}

// TestNextOf compares NextOf with Next.
func TestNextOf(t *testing.T) {
	for _, header := range prefixHeaders {
		compareNextOf(t, header)
	}
}

func FuzzNextOf(f *testing.F) {
	for _, header := range prefixHeaders {
		f.Add(header)
	}
	f.Fuzz(compareNextOf)
}

func compareNextOf(t *testing.T, header string) {
	t.Helper()
	var want []string
	all := cookiesOf(header, cookie.Next)
	for i := 0; i < len(all); i += 2 {
		if strings.HasPrefix(all[i], "p.") {
			want = append(want, all[i], all[i+1])
		}
	}
	got := cookiesOf(header, func(header string) (name, value, rest string) { return cookie.NextOf(header, "p.") })
	if !slices.Equal(got, want) {
		t.Errorf("%q: got %q, want %q", header, got, want)
	}
}

func TestEncode(t *testing.T) {
	for _, test := range []struct{ text, name, value string }{
		{"", "", ""},
		{"ada", "ada", "ada"},
		{"a.b-c_d~e", "a.b-c_d~e", "a.b-c_d~e"},
		{"ada@example.com", "ada%40example.com", "ada@example.com"},
		{"gus(1)", "gus%281%29", "gus(1)"},
		{"a b;c,d\r\n", "a%20b%3Bc%2Cd%0D%0A", "a%20b%3Bc%2Cd%0D%0A"},
		{`a"b\c`, "a%22b%5Cc", "a%22b%5Cc"},
		{"50%", "50%25", "50%25"},
		{"été", "%C3%A9t%C3%A9", "%C3%A9t%C3%A9"},
	} {
		if got := cookie.EncodeName(test.text); got != test.name {
			t.Errorf("name %q: %q, want %q", test.text, got, test.name)
		}
		if got := cookie.EncodeValue(test.text); got != test.value {
			t.Errorf("value %q: %q, want %q", test.text, got, test.value)
		}
	}
}

// TestRecordedEncodings compares names and values with those of js-cookie in the browser,
// and headers with those that Next.js has parsed. The server adapter encodes differently,
// but its texts decode to the same.
func TestRecordedEncodings(t *testing.T) {
	var file struct {
		Encoding []struct {
			Input                   string
			ClientName, ClientValue string
			ServerName, ServerValue string
		}
		Headers []struct {
			Header  string
			Cookies []struct{ Name, Value string }
		}
	}
	text, err := os.ReadFile("../../testdata/amplify/encoding.json")
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Encoding) < 100 || len(file.Headers) < 20 {
		t.Error("records are missing")
	}
	for _, recorded := range file.Encoding {
		if got := cookie.EncodeName(recorded.Input); got != recorded.ClientName {
			t.Errorf("name %q: %q, want %q", recorded.Input, got, recorded.ClientName)
		}
		if got := cookie.EncodeValue(recorded.Input); got != recorded.ClientValue {
			t.Errorf("value %q: %q, want %q", recorded.Input, got, recorded.ClientValue)
		}
		for _, encoded := range []string{recorded.ClientName, recorded.ClientValue, recorded.ServerName, recorded.ServerValue} {
			if got, ok := percent.Decode(encoded); !ok || got != recorded.Input {
				t.Errorf("%q decodes to %q, want %q", encoded, got, recorded.Input)
			}
		}
	}
	for _, recorded := range file.Headers {
		// Next.js differs, but not for any cookie of Amplify's. We remove white space
		// around names and values (RFC 6265bis §5.8.3). A name without "=" has no value,
		// and a value without a name is no cookie. We find all cookies of a name, not the
		// last one.
		want := map[string][]string{}
		for _, c := range recorded.Cookies {
			if name := strings.TrimSpace(c.Name); name != "" {
				want[name] = []string{strings.TrimSpace(c.Value)}
			}
		}
		switch recorded.Header {
		case "a":
			want["a"] = []string{""}
		case "a=1; a=2":
			want["a"] = []string{"1", "2"}
		}
		got := map[string][]string{}
		for name, value, rest := cookie.Next(recorded.Header); name != ""; name, value, rest = cookie.Next(rest) {
			if v, ok := percent.Decode(value); ok {
				got[name] = append(got[name], v)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %q, want %q", recorded.Header, got, want)
		}
	}
}
