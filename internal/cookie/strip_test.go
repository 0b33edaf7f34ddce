package cookie_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

func TestStrip(t *testing.T) {
	isOwn := func(name string) bool { return strings.HasPrefix(name, "own.") }
	for _, test := range []struct {
		name      string
		lines     []string
		want      []string
		unchanged bool
	}{
		{"none", nil, nil, true},
		{"only others", []string{"a=1;b=2 ; ;c", "d"}, []string{"a=1;b=2 ; ;c", "d"}, true},
		{"only own", []string{"own.a=1; own.b=2", "own.c"}, nil, false},
		{"first", []string{"own.a=1; b=2; c=3"}, []string{"b=2; c=3"}, false},
		{"between", []string{"a=1; own.b=2; c=3"}, []string{"a=1; c=3"}, false},
		{"last", []string{"a=1; own.b=2"}, []string{"a=1"}, false},
		{"in two lines", []string{"a=1; own.b=2", "own.c=3; d=4"}, []string{"a=1", "d=4"}, false},
		{"duplicates", []string{"own.a=1;own.a=2;b=3"}, []string{"b=3"}, false},
		{"white space", []string{"\t own.a \t= 1 ;b=2"}, []string{"b=2"}, false},
		{"no value", []string{"own.a; own.b=; c"}, []string{"c"}, false},
		{"in a value", []string{"a=own.b=2; c=own.d"}, []string{"a=own.b=2; c=own.d"}, true},
		{"in quotes", []string{`a="1; own.b=2"; c=3`}, []string{`a="1; c=3`}, false},
		{"odd cookies stay", []string{`a@b="1"; own.b=2; =x; é=3`}, []string{`a@b="1"; =x; é=3`}, false},
	} {
		r := &http.Request{Header: http.Header{"Accept": {"text/html"}}}
		if test.lines != nil {
			r.Header["Cookie"] = slices.Clone(test.lines)
		}
		got := cookie.Strip(r, isOwn)
		if !slices.Equal(got.Header["Cookie"], test.want) || got.Header.Get("Accept") == "" {
			t.Errorf("%s: %q, want %q", test.name, got.Header, test.want)
		}
		if _, there := got.Header["Cookie"]; there && len(test.want) == 0 && !test.unchanged {
			t.Errorf("%s: an empty header is left", test.name)
		}
		if (got == r) != test.unchanged || !slices.Equal(r.Header["Cookie"], test.lines) {
			t.Errorf("%s: the request itself: %q", test.name, r.Header["Cookie"])
		}
	}
}
