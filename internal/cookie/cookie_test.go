package cookie_test

import (
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// TestNextOf finds the same pairs as Next, for any header.
func TestNextOf(t *testing.T) {
	for _, header := range headers {
		same(t, header)
	}
}

var headers = []string{"", "p.a=1", " p.a=1;p.b=2", "a=1; p.a=1 ; b=2; p.b", ";;; p.=x;", "=p.a; p.a", "a=p.b=2; \tp.a\t=\t3", "p.", "p", "p .a=1; p.a =1"}

func FuzzNextOf(f *testing.F) {
	for _, header := range headers {
		f.Add(header)
	}
	f.Fuzz(same)
}

func same(t *testing.T, header string) {
	t.Helper()
	var want, got []string
	for name, value, rest := cookie.Next(header); name != ""; name, value, rest = cookie.Next(rest) {
		if strings.HasPrefix(name, "p.") {
			want = append(want, name, value)
		}
	}
	for name, value, rest := cookie.NextOf(header, "p."); name != ""; name, value, rest = cookie.NextOf(rest, "p.") {
		got = append(got, name, value)
	}
	if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
		t.Errorf("%q: got %q, want %q", header, got, want)
	}
}

func TestForward(t *testing.T) {
	for _, test := range []struct {
		name   string
		header []string
		lines  []string
		want   string
	}{
		{"nothing new", []string{"a=1; p.x=2"}, nil, "a=1; p.x=2"},
		{"a new value", []string{"a=1; p.x=2; b=3"}, []string{"p.x=9; Path=/; Max-Age=60"}, "a=1; b=3; p.x=9"},
		{"another spelling", []string{"p.%61=2"}, []string{"p.a=9; Max-Age=60"}, "p.a=9"},
		{"both twins", []string{"p.x=1; p.x=2"}, []string{"p.x=9; Max-Age=60; Domain=d", "p.x=; Max-Age=0"}, "p.x=9"},
		{"a deletion first", []string{"p.x=1"}, []string{"p.x=; Max-Age=0", "p.x=9; Max-Age=60; Domain=d"}, "p.x=9"},
		{"a deletion", []string{"p.x=1", "a=1"}, []string{"p.x=; Max-Age=0"}, "a=1"},
		{"everything deleted", []string{"p.x=1"}, []string{"p.x=; Max-Age=0"}, ""},
		{"others as they are", []string{"a; =b;;  c = d ;e=\"f g\"", "p.x=1; =; h=i=j"}, []string{"p.x=9; Max-Age=60"}, `a; =b; c = d; e="f g"; =; h=i=j; p.x=9`},
		{"others' lines", []string{"a=1"}, []string{"a=2; Max-Age=60"}, "a=1"},
	} {
		if got := cookie.Forward(test.header, test.lines, "p."); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
