package matcher_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/matcher"
)

// patternVector is one record of testdata/matcher/patterns.json, taken from
// the real Next.js.
type patternVector struct {
	Source     string `json:"pattern"`
	Error      *string
	NonRegular bool
	Cases      []struct {
		Path  string
		Plain bool
	}
}

// A compiledVector is a valid pattern of the vectors.
type compiledVector struct {
	patternVector
	*matcher.Pattern
	stats automaton.Stats
}

// compiledVectors compiles the vectors, once for all tests.
var compiledVectors = sync.OnceValues(func() (compiled []compiledVector, err error) {
	data, err := os.ReadFile("../testdata/matcher/patterns.json")
	if err != nil {
		return nil, err
	}
	var vectors []patternVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		return nil, err
	}
	var errs []error
	for _, v := range vectors {
		p, stats, err := matcher.CompileStats(v.Source)
		switch rejected := v.Error != nil || v.NonRegular; {
		case rejected != (err != nil):
			errs = append(errs, fmt.Errorf("Compile(%q): error %v, rejected by Next.js: %v", v.Source, err, rejected))
		case err == nil:
			compiled = append(compiled, compiledVector{v, p, stats})
		}
	}
	return compiled, errors.Join(errs...)
})

func TestPatternsAnswerAsNextDoes(t *testing.T) {
	vectors, err := compiledVectors()
	if err != nil {
		t.Error(err)
	}
	if len(vectors) < 500 {
		t.Errorf("only %d patterns are valid", len(vectors))
	}
	for _, v := range vectors {
		for _, c := range v.Cases {
			if got := v.Match(c.Path); got != c.Plain {
				t.Errorf("%q matches %q: %v, want %v", v, c.Path, got, c.Plain)
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
	data, err := os.ReadFile("../testdata/matcher/conditions.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []conditionVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 100 {
		t.Fatalf("only %d records", len(vectors))
	}
	for _, v := range vectors {
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

// receive returns the request that net/http's server would make of this message.
// Each character of a header is one byte on the wire. (The server would not read
// some of the messages to the end.)
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
