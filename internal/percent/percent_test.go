package percent_test

import (
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/percent"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		in      string
		strict  string
		ok      bool
		lenient string
	}{
		{"", "", true, ""},
		{"plain+text", "plain+text", true, "plain+text"},
		{"a%20b%2F%2f", "a b//", true, "a b//"},
		{"%C3%A9", "é", true, "é"},
		{"%", "", false, "%"},
		{"a%2", "", false, "a%2"},
		{"%zz%41", "", false, "%zzA"},
		{"%4%41", "", false, "%4A"},
		{"%ff", "", false, "\xff"},
		{"%2541", "%41", true, "%41"},
	} {
		got, ok := percent.Decode(test.in)
		if got != test.strict || ok != test.ok {
			t.Errorf("Decode(%q) = %q, %t", test.in, got, ok)
		}
		if percent.Valid(test.in) != test.ok {
			t.Errorf("Valid(%q) = %t", test.in, !test.ok)
		}
		if got := percent.DecodeLenient(test.in); got != test.lenient {
			t.Errorf("DecodeLenient(%q) = %q", test.in, got)
		}
	}
}

// FuzzDecode compares the strict decoder with net/url's.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "a%20b", "%", "%4", "%zz", "%ff", "é%C3", "%25%2541"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := percent.Decode(s)
		want, err := url.PathUnescape(s)
		if wantOK := err == nil && (want == s || utf8.ValidString(want)); ok != wantOK || ok && got != want {
			t.Errorf("Decode(%q) = %q, %t; net/url has %q, %v", s, got, ok, want, err)
		}
		if percent.Valid(s) != ok {
			t.Errorf("Valid(%q) = %t", s, !ok)
		}
		if ok && percent.DecodeLenient(s) != got {
			t.Errorf("DecodeLenient(%q) = %q, Decode has %q", s, percent.DecodeLenient(s), got)
		}
	})
}
