package cookie_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/longtest"
)

func TestVary(t *testing.T) {
	for _, test := range []struct {
		name       string
		vary, want []string
	}{
		{"none", nil, []string{"Cookie"}},
		{"others", []string{"Accept, Origin"}, []string{"Accept, Origin", "Cookie"}},
		{"others in two lines", []string{"Accept", "Origin"}, []string{"Accept", "Origin", "Cookie"}},
		{"there already", []string{"Accept", "Origin,  cookie "}, []string{"Accept", "Origin,  cookie "}},
		{"a longer name", []string{"Cookie2"}, []string{"Cookie2", "Cookie"}},
		{"empty", []string{""}, []string{"", "Cookie"}},
	} {
		h := http.Header{}
		if test.vary != nil {
			h["Vary"] = slices.Clone(test.vary)
		}
		cookie.Vary(h)
		if !slices.Equal(h["Vary"], test.want) {
			t.Errorf("%s: %q, want %q", test.name, h["Vary"], test.want)
		}
		if len(h["Cache-Control"]) > 0 {
			t.Errorf("%s: Cache-Control is set", test.name)
		}
	}
}

func TestCacheControl(t *testing.T) {
	for want, mark := range map[string]func(http.Header){"private, no-store": cookie.PrivateNoStore, "no-store": cookie.NoStore} {
		for _, earlier := range [][]string{nil, {"public, max-age=60"}, {"public", "max-age=60"}} {
			h := http.Header{"Cache-Control": earlier}
			mark(h)
			if !slices.Equal(h["Cache-Control"], []string{want}) || !slices.Equal(h["Vary"], []string{"Cookie"}) {
				t.Errorf("after %q: %v, want %s", earlier, h, want)
			}
		}
	}
}

// TestAnswersShareNothing changes the headers of one answer. Those of the next one are as
// before.
func TestAnswersShareNothing(t *testing.T) {
	for want, mark := range map[string]func(http.Header){"private, no-store": cookie.PrivateNoStore, "no-store": cookie.NoStore} {
		first, second := http.Header{}, http.Header{}
		mark(first)
		first.Add("Cache-Control", "x")
		first.Add("Vary", "x")
		mark(second)
		if !slices.Equal(second["Cache-Control"], []string{want}) || !slices.Equal(second["Vary"], []string{"Cookie"}) {
			t.Errorf("one answer has changed another's: %v", second)
		}
	}
}

// TestAnswersCanBeEditedInPlace: a handler may change the values, not only replace them.
func TestAnswersCanBeEditedInPlace(t *testing.T) {
	for want, mark := range map[string]func(http.Header){"private, no-store": cookie.PrivateNoStore, "no-store": cookie.NoStore} {
		first, second := http.Header{}, http.Header{}
		mark(first)
		first["Cache-Control"][0], first["Vary"][0] = "public", "Accept"
		mark(second)
		if second.Get("Cache-Control") != want || second.Get("Vary") != "Cookie" {
			t.Errorf("one answer has changed another's: %v", second)
		}
		mark(first)
		if first.Get("Cache-Control") != want || !slices.Equal(first["Vary"], []string{"Accept", "Cookie"}) {
			t.Errorf("marked again: %v", first)
		}
	}
}

func TestValuesAllocateNothing(t *testing.T) {
	longtest.WithoutRace(t)
	h := http.Header{"Cache-Control": nil, "Vary": nil}
	var values cookie.Values
	if n := testing.AllocsPerRun(100, func() {
		h["Vary"] = nil
		values.SetCacheControl(h, cookie.Private)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
