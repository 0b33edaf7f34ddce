package hosts_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/hosts"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name    string
		allowed []string
		url     string
		ok      bool
	}{
		{"an exact host", []string{"api.example.com"}, "https://api.example.com/x", true},
		{"an exact host in capitals", []string{"API.example.com"}, "https://api.Example.COM/x", true},
		{"a subdomain", []string{"*.example.com"}, "https://a.b.example.com/x", true},
		{"the default port", []string{"api.example.com"}, "https://api.example.com:443/x", true},
		{"any port", []string{"api.example.com"}, "https://api.example.com:8443/x", true},
		{"a port that is listed", []string{"api.example.com:8443"}, "https://api.example.com:8443/x", true},
		{"this machine on any port", []string{"127.0.0.1"}, "http://127.0.0.1:3456/x", true},
		{"this machine by its IPv6 address", []string{"::1"}, "http://[::1]:3456/x", true},
		{"this machine by name", []string{"localhost"}, "http://localhost:3456/x", true},
		{"second entry", []string{"a.example.com", "b.example.com"}, "https://b.example.com/", true},

		{"no hosts", nil, "https://api.example.com/x", false},
		{"an empty entry", []string{""}, "https://api.example.com/x", false},
		{"a bare star", []string{"*"}, "https://api.example.com/x", false},
		{"a star and a dot", []string{"*."}, "https://api.example.com/x", false},
		{"another host", []string{"api.example.com"}, "https://evil.example.com/x", false},
		{"a host that ends alike", []string{"*.example.com"}, "https://evilexample.com/x", false},
		{"the suffix itself", []string{"*.example.com"}, "https://example.com/x", false},
		{"an empty label below the suffix", []string{"*.example.com"}, "https://.example.com/x", false},
		{"the host as user info", []string{"api.example.com"}, "https://api.example.com@evil.com/x", false},
		{"another port than the one listed", []string{"api.example.com:8443"}, "https://api.example.com/x", false},
		{"a name in other letters", []string{"*.example.com"}, "https://ä.example.com/x", false},
		{"plain http", []string{"api.example.com"}, "http://api.example.com/x", false},
		{"plain http below a suffix that looks local", []string{"*.localhost"}, "http://evil.localhost/x", false},
		{"another scheme", []string{"api.example.com"}, "ftp://api.example.com/x", false},
		{"this machine, not listed", []string{"api.example.com"}, "http://127.0.0.1:3456/x", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest("GET", tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := hosts.Check(tt.allowed, r); (err == nil) != tt.ok {
				t.Errorf("%v and %s: %v", tt.allowed, tt.url, err)
			}
		})
	}
}

// TestHostsThatAreSetByHand has hosts that url.Parse may refuse, and that another reader
// of the URL may take for evil.com. Entries admit whatever they can.
func TestHostsThatAreSetByHand(t *testing.T) {
	allowed := []string{"*.svc.example.com", "api.example.com", "api.example.com:8443", "::1", "127.0.0.1", "*.0.0.1", "*.1", "kelvin.example.com"}
	for host, ok := range map[string]bool{
		"a.svc.example.com":                 true,
		"A_1.b-2.SVC.example.com":           true,
		"a.svc.example.com:8443":            true,
		"a.svc.example.com:":                true,
		"api.example.com:8443":              true,
		"[::1]":                             true,
		"[::1]:8443":                        true,
		"127.0.0.1:8443":                    true,
		"kelvin.example.com":                true,
		"evil.com/.svc.example.com":         false,
		"evil.com\\.svc.example.com":        false,
		"evil.com?.svc.example.com":         false,
		"evil.com#.svc.example.com":         false,
		"evil.com@.svc.example.com":         false,
		"evil.com@a.svc.example.com":        false,
		"a@a.svc.example.com":               false,
		"a:b@api.example.com":               false,
		"api.example.com@evil.com":          false,
		"evil.com:443/.svc.example.com":     false,
		"evil.com:.svc.example.com":         false,
		"evil.com:80:a.svc.example.com":     false,
		"a.svc.example.com:443:80":          false,
		"a.svc.example.com:https":           false,
		"a.svc.example.com:-1":              false,
		"a.svc.example.com:443@evil.com":    false,
		"api.example.com:8443@evil.com:443": false,
		"evil.com\r\nX: .svc.example.com":   false,
		"evil.com\n.svc.example.com":        false,
		"evil.com\t.svc.example.com":        false,
		"evil.com .svc.example.com":         false,
		" a.svc.example.com":                false,
		"a.svc.example.com ":                false,
		"evil.com\x00.svc.example.com":      false,
		"evil.com%2f.svc.example.com":       false,
		"evil.com%00.svc.example.com":       false,
		"evil.com,.svc.example.com":         false,
		"evil.com;.svc.example.com":         false,
		"evil.com&.svc.example.com":         false,
		"evil.com\".svc.example.com":        false,
		"<evil.com>.svc.example.com":        false,
		"*.svc.example.com":                 false,
		".svc.example.com":                  false,
		"a..svc.example.com":                false,
		"a.svc.example.com.":                false,
		"api.example.com.":                  false,
		"api.example.com.:8443":             false,
		"svc.example.com":                   false,
		"ä.svc.example.com":                 false,
		"evil。com.svc.example.com":          false, // a dot to IDNA
		"evil.com／.svc.example.com":         false, // a slash to NFKC
		"\xff.svc.example.com":              false,
		"\u212aelvin.example.com":           false, // the Kelvin sign, whose lower case is an ASCII k
		"a.\u017fvc.example.com":            false, // the long s, whose upper case is an ASCII S
		"::1":                               false, // without brackets
		"[::1":                              false,
		"::1]":                              false,
		"[::1]x":                            false,
		"[::1].svc.example.com":             false,
		"[::1]:x":                           false,
		"[::1%25lo]":                        false,
		"[::1%lo]":                          false,
		"[::1%.svc.example.com]":            false,
		"[fe80::1%25.svc.example.com]":      false,
		"[a.svc.example.com]":               false,
		"[api.example.com]:8443":            false,
		"[127.0.0.1]":                       false,
		"10.0.0.1":                          false, // "*." is for names
		"":                                  false,
		":443":                              false,
		"[]":                                false,
	} {
		r := &http.Request{URL: &url.URL{Scheme: "https", Host: host}}
		if err := hosts.Check(allowed, r); (err == nil) != ok {
			t.Errorf("URL.Host %q: %v", host, err)
		}
		if host == "" {
			continue // then URL.Host counts
		}
		r = &http.Request{URL: &url.URL{Scheme: "https", Host: "api.example.com"}, Host: host}
		if err := hosts.Check(allowed, r); (err == nil) != ok {
			t.Errorf("Host header %q: %v", host, err)
		}
	}
	long := strings.Repeat("a.", 120) + "svc.example.com"
	if hosts.Check(allowed, &http.Request{URL: &url.URL{Scheme: "https", Host: long}}) == nil {
		t.Error("a name that is too long for DNS is admitted")
	}
}

// TestOpaqueURL: net/http sends such a URL as it is, and it may name another host.
func TestOpaqueURL(t *testing.T) {
	r := &http.Request{URL: &url.URL{Scheme: "https", Host: "api.example.com", Opaque: "//evil.com/x"}}
	if hosts.Check([]string{"api.example.com"}, r) == nil {
		t.Error("an opaque URL is admitted")
	}
}

func TestHostHeader(t *testing.T) {
	r, _ := http.NewRequest("GET", "https://api.example.com/", nil)
	r.Host = "evil.com"
	if hosts.Check([]string{"api.example.com"}, r) == nil {
		t.Error("credentials go to the host of a Host header that is not listed")
	}
	r.Host = "API.example.com:8443"
	if err := hosts.Check([]string{"api.example.com"}, r); err != nil {
		t.Error("the same host in the Host header: ", err)
	}
}

func TestRedirect(t *testing.T) {
	first, _ := http.NewRequest("GET", "https://a.example.com/", nil)
	for target, ok := range map[string]bool{
		"https://a.example.com/next": true,
		"https://b.example.com/":     false,
		"http://a.example.com/":      false,
		"https://a.example.com:444/": false,
	} {
		r, _ := http.NewRequest("GET", target, nil)
		r.Response = &http.Response{Request: first}
		if err := hosts.Check([]string{"*.example.com"}, r); (err == nil) != ok {
			t.Errorf("redirect to %s: %v", target, err)
		}
	}
}
