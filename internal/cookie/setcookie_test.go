package cookie_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

func TestLine(t *testing.T) {
	for _, test := range []struct {
		name       string
		attributes cookie.Attributes
		value      string
		want       string
	}{
		{"plain", cookie.Attributes{MaxAge: time.Hour}, "1", "n=1; Path=/; Max-Age=3600; Secure"},
		{"a fraction of a second", cookie.Attributes{MaxAge: 1900 * time.Millisecond}, "1", "n=1; Path=/; Max-Age=1; Secure"},
		{"everything", cookie.Attributes{Domain: "example.com", SameSite: http.SameSiteStrictMode, MaxAge: time.Minute, HTTPOnly: true}, "1",
			"n=1; Path=/; Max-Age=60; Domain=example.com; Secure; HttpOnly; SameSite=Strict"},
		{"lax", cookie.Attributes{MaxAge: time.Minute, SameSite: http.SameSiteLaxMode}, "1", "n=1; Path=/; Max-Age=60; Secure; SameSite=Lax"},
		{"none", cookie.Attributes{MaxAge: time.Minute, SameSite: http.SameSiteNoneMode}, "1", "n=1; Path=/; Max-Age=60; Secure; SameSite=None"},
		{"default mode", cookie.Attributes{MaxAge: time.Minute, SameSite: http.SameSiteDefaultMode}, "1", "n=1; Path=/; Max-Age=60; Secure"},
		{"insecure", cookie.Attributes{MaxAge: time.Minute, Insecure: true}, "1", "n=1; Path=/; Max-Age=60"},
		{"deletion", cookie.Attributes{Domain: "example.com", SameSite: http.SameSiteLaxMode}, "", "n=; Path=/; Max-Age=0; Domain=example.com; Secure; SameSite=Lax"},
		{"a path", cookie.Attributes{Path: "/app", MaxAge: time.Minute}, "1", "n=1; Path=/app; Max-Age=60; Secure"},
		{"partitioned", cookie.Attributes{SameSite: http.SameSiteNoneMode, MaxAge: time.Minute, Partitioned: true}, "1", "n=1; Path=/; Max-Age=60; Secure; SameSite=None; Partitioned"},
		{"until the browser is closed", cookie.Attributes{MaxAge: time.Minute, UntilClosed: true}, "1", "n=1; Path=/; Secure"},
		{"negative", cookie.Attributes{MaxAge: -time.Hour}, "", "n=; Path=/; Max-Age=0; Secure"},
	} {
		got := test.attributes.Line("n", test.value)
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if _, err := http.ParseSetCookie(got); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	// http.SetCookie writes nothing for a name that is not a token.
	if got := (cookie.Attributes{Insecure: true}).Line("a@b", ""); got != "a@b=; Path=/; Max-Age=0" {
		t.Errorf("a name that is not a token: %q", got)
	}
}

func TestForward(t *testing.T) {
	for _, test := range []struct {
		name   string
		header []string
		lines  []string
		want   string
	}{
		{"no lines", []string{"a=1; p.x=2"}, nil, "a=1; p.x=2"},
		{"no cookies", nil, []string{"p.x=9; Max-Age=60"}, "p.x=9"},
		{"a new value", []string{"a=1; p.x=2; b=3"}, []string{"p.x=9; Path=/; Max-Age=60"}, "a=1; b=3; p.x=9"},
		{"two new values", []string{"p.y=1; p.x=2"}, []string{"p.x=9; Max-Age=60", "p.y=8; Max-Age=60"}, "p.x=9; p.y=8"},
		{"another spelling", []string{"p.%61=2"}, []string{"p.a=9; Max-Age=60"}, "p.a=9"},
		{"a name that does not decode", []string{"p.%zz=2"}, []string{"p.%zz=; Max-Age=0"}, ""},
		{"both duplicates", []string{"p.x=1; p.x=2"}, []string{"p.x=9; Max-Age=60; Domain=d", "p.x=; Max-Age=0"}, "p.x=9"},
		{"the deletion first", []string{"p.x=1"}, []string{"p.x=; Max-Age=0", "p.x=9; Max-Age=60; Domain=d"}, "p.x=9"},
		{"an empty value", []string{"p.x=1"}, []string{"p.x=; Max-Age=60"}, "p.x="},
		{"a deletion", []string{"p.x=1", "a=1"}, []string{"p.x=; Max-Age=0"}, "a=1"},
		{"everything deleted", []string{"p.x=1"}, []string{"p.x=; Max-Age=0"}, ""},
		{"others stay as they are", []string{"a; =b;;  c = d ;e=\"f g\"", "p.x=1; =; h=i=j"}, []string{"p.x=9; Max-Age=60"}, `a; =b; c = d; e="f g"; =; h=i=j; p.x=9`},
		{"lines of others", []string{"a=1"}, []string{"a=2; Max-Age=60"}, "a=1"},
	} {
		if got := cookie.Forward(test.header, test.lines, "p."); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
