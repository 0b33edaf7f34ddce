package cookie_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

func TestIsDomain(t *testing.T) {
	label := strings.Repeat("a", 63)
	for domain, want := range map[string]bool{
		"example.com": true, "localhost": true, "a.b-c.9": true, "EXAMPLE.com": true, label + ".com": true,
		strings.Repeat(label+".", 3) + strings.Repeat("a", 61): true,
		"": false, ".": false, ".example.com": false, "example.com.": false, "a..b": false, label + "a.com": false,
		strings.Repeat(label+".", 3) + strings.Repeat("a", 62): false,
		"a b": false, "é.example": false, "a_b.com": false, "example.com/": false, "https://example.com": false,
		"example.com:443": false, "example.com; Secure": false, "example.com\r\n": false, "*.example.com": false,
	} {
		if got := cookie.IsDomain(domain); got != want {
			t.Errorf("%q: %v, want %v", domain, got, want)
		}
	}
}

func TestIsPublicSuffix(t *testing.T) {
	for domain, want := range map[string]bool{
		"com": true, "co.uk": true, "amplifyapp.com": true, "github.io": true, "foo.ck": true, "intranet": true,
		"xn--55qx5d.cn": true, "us-east-1.elasticbeanstalk.com": true,
		"example.com": false, "example.co.uk": false, "main.d1.amplifyapp.com": false, "www.ck": false,
		"app.intranet": false, "localhost": false, "127.0.0.1": false, "amazonaws.com": false,
	} {
		if got := cookie.IsPublicSuffix(domain); got != want {
			t.Errorf("%q: %v, want %v", domain, got, want)
		}
	}
}

func TestDomains(t *testing.T) {
	for host, want := range map[string]string{
		"example.com": "example.com", "app.example.com": "app.example.com example.com",
		"a.b.example.co.uk":      "a.b.example.co.uk b.example.co.uk example.co.uk",
		"main.d1.amplifyapp.com": "main.d1.amplifyapp.com d1.amplifyapp.com", "d1.amplifyapp.com": "d1.amplifyapp.com",
		"APP.Example.Com:8443": "app.example.com example.com", "app.example.com.": "app.example.com example.com",
		"app.example.com.:443": "app.example.com example.com", "app.intranet": "app.intranet",
		"a_b.example.com": "example.com", "a b;.example.com": "example.com", "a\r\nb.example.com": "example.com",
		"xn--mnchen-3ya.example": "xn--mnchen-3ya.example",
		"":                       "", ".": "", "..": "", ":": "", ":80": "", "com": "", "co.uk": "", "amplifyapp.com": "", "localhost": "", "localhost:8080": "",
		"127.0.0.1": "", "127.0.0.1:80": "", "[::1]": "", "[::1]:8080": "", "::1": "", "[fe80::1%25en0]:80": "", "2001:db8::1": "",
		"app..example.com": "", ".example.com": "", "app.example.com..": "", "https://app.example.com": "",
	} {
		if got := cookie.Domains(host); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func TestIsPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/app": true, "/app/": true, "/%C3%A9/a=b,c@d": true, "/" + strings.Repeat("a", 1023): true,
		"": false, "app": false, "/a b": false, "/a;b": false, "/a\r\n": false, "/é": false, "/a?b": false, "/a#b": false, "/a\x7f": false,
		"/" + strings.Repeat("a", 1024): false,
	} {
		if got := cookie.IsPath(path); got != want {
			t.Errorf("%.20q: %v, want %v", path, got, want)
		}
	}
}

func TestPathMatches(t *testing.T) {
	for _, test := range []struct {
		path, target string
		want         bool
	}{
		{"/", "/", true}, {"/", "/a", true}, {"/app", "/app", true}, {"/app", "/app/", true}, {"/app", "/app/x", true},
		{"/app/", "/app/x", true}, {"/app/", "/app", false}, {"/app", "/apple", false}, {"/app", "/", false}, {"/app", "/a", false},
	} {
		if got := cookie.PathMatches(test.path, test.target); got != test.want {
			t.Errorf("%q for %q: %v", test.path, test.target, got)
		}
	}
}
