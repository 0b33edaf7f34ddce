package matcher_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

func TestConditionsOfAMissingRequestDoNotHold(t *testing.T) {
	for _, kind := range []string{"header", "cookie", "query", "host"} {
		c := matcher.Condition{Type: kind, Key: "k", Value: "v"}
		if kind == "host" {
			c.Key = ""
		}
		r := new(http.Request)
		if newMatcher(t, matcher.Rule{Source: "/", Has: []matcher.Condition{c}}).MatchPath("/", r) {
			t.Errorf("an empty request has a %s", kind)
		}
		if !newMatcher(t, matcher.Rule{Source: "/", Missing: []matcher.Condition{c}}).MatchPath("/", r) {
			t.Errorf("an empty request does not miss a %s", kind)
		}
	}
}

// A cookie that does not decode to UTF-8 is kept as it is.
func TestCookiesThatDoNotDecodeAreKept(t *testing.T) {
	for value, want := range map[string]string{"%E9": "%E9", "%C3%A9": "é", "a%": "a%", "%C3%A9%": "%C3%A9%", "%ED%A0%80": "%ED%A0%80"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "s="+value)
		m := newMatcher(t, matcher.Rule{Source: "/", Has: []matcher.Condition{{Type: "cookie", Key: "s", Value: want}}})
		if !m.Match(r) {
			t.Errorf("cookie %q is not %q", value, want)
		}
	}
}

// The largest texts that conditions read are read in linear time, by the rules of
// Node.js.
func TestConditionsReadLargeRequests(t *testing.T) {
	const size = 16 << 10
	large := strings.Repeat("a", size)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-A", large+"\xe9")
	r.Header.Add("X-A", "b")
	r.Header["Cookie"] = []string{strings.Repeat("b=1;", size/4), "a=" + strings.Repeat("%41", size/3) + "; a=2"}
	r.URL.RawQuery = strings.Repeat("b=1&", size/4) + "a=" + strings.Repeat("+", size)
	r.Host = large
	for _, c := range []matcher.Condition{
		{Type: "header", Key: "x-a", Value: `a*\u00e9, b`},
		{Type: "cookie", Key: "a", Value: "(?:A|AA)*"},
		{Type: "query", Key: "a", Value: `(?!b)\s+`},
		{Type: "query", Key: "b", Value: "1"},
		{Type: "host", Value: "(?:a+)+(?<!b)"},
	} {
		if !newMatcher(t, matcher.Rule{Source: "/", Has: []matcher.Condition{c}}).Match(r) {
			t.Errorf("%+v does not hold", c)
		}
		if newMatcher(t, matcher.Rule{Source: "/", Missing: []matcher.Condition{c}}).Match(r) {
			t.Errorf("%+v is missing", c)
		}
	}
}
