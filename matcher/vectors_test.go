package matcher_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

// patternVector is one record of testdata/matcher/patterns.json, taken from
// the real Next.js.
type patternVector struct {
	Pattern    string
	Error      *string
	NonRegular bool
	Cases      []struct {
		Path  string
		Plain bool
	}
}

func readVectors[T any](tb testing.TB, name string) []T {
	tb.Helper()
	data, err := os.ReadFile("../testdata/matcher/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	var records []T
	if err := json.Unmarshal(data, &records); err != nil {
		tb.Fatal(err)
	}
	if len(records) == 0 {
		tb.Fatalf("%s holds no records", name)
	}
	return records
}

func TestPatternsAnswerAsNextDoes(t *testing.T) {
	for _, v := range readVectors[patternVector](t, "patterns.json") {
		p, err := matcher.Compile(v.Pattern)
		if rejected := v.Error != nil || v.NonRegular; rejected != (err != nil) {
			t.Errorf("Compile(%q): error %v, rejected by Next.js: %v", v.Pattern, err, rejected)
			continue
		}
		if err != nil {
			continue
		}
		for _, c := range v.Cases {
			if got := p.Match(c.Path); got != c.Plain {
				t.Errorf("%q matches %q: %v, want %v", v.Pattern, c.Path, got, c.Plain)
			}
		}
	}
}

// conditionVector is one record of testdata/matcher/conditions.json.
type conditionVector struct {
	Matcher json.RawMessage
	Error   *string
	Cases   []struct {
		Method, URL string
		Headers     map[string][]string
		Plain       bool
	}
}

func TestConditionsAnswerAsNextDoes(t *testing.T) {
	for _, v := range readVectors[conditionVector](t, "conditions.json") {
		m, err := fromJSON("[" + string(v.Matcher) + "]")
		if rejected := v.Error != nil; rejected != (err != nil) {
			t.Errorf("%s: error %v, rejected by Next.js: %v", v.Matcher, err, rejected)
			continue
		}
		if err != nil {
			continue
		}
		for _, c := range v.Cases {
			r := receive(t, c.Method, c.URL, c.Headers)
			if got := m.Match(r); got != c.Plain {
				t.Errorf("%s matches %s %s %v: %v, want %v", v.Matcher, c.Method, c.URL, c.Headers, got, c.Plain)
			}
		}
	}
}

func fromJSON(config string) (*matcher.Matcher, error) {
	var rules matcher.Rules
	if err := json.Unmarshal([]byte(config), &rules); err != nil {
		return nil, err
	}
	return matcher.New(rules...)
}

// receive returns the request that net/http's server would make of this
// message, each character of a header being one byte on the wire. (Some of the
// messages are such that the server would not read them to the end.)
func receive(tb testing.TB, method, target string, headers map[string][]string) *http.Request {
	tb.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		tb.Fatalf("%s: %v", target, err)
	}
	r := &http.Request{Method: method, URL: u, Header: make(http.Header)}
	for name, values := range headers {
		for _, value := range values {
			if name == "Host" {
				r.Host = latin1Bytes(value)
				break
			}
			r.Header.Add(name, latin1Bytes(value))
		}
	}
	return r
}

func latin1Bytes(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
	}
	return b.String()
}
