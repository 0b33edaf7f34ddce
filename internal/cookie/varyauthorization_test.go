package cookie_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

func TestVaryAuthorization(t *testing.T) {
	for _, test := range []struct {
		name       string
		vary, want []string
	}{
		{"none", nil, []string{"Cookie, Authorization"}},
		{"Cookie", []string{"Cookie"}, []string{"Cookie", "Authorization"}},
		{"others", []string{"Accept, Origin"}, []string{"Accept, Origin", "Authorization", "Cookie"}},
		{"there already", []string{"Accept, authorization "}, []string{"Accept, authorization ", "Cookie"}},
		{"both", []string{"authorization,cookie"}, []string{"authorization,cookie"}},
		{"a longer name", []string{"Cookie", "Proxy-Authorization"}, []string{"Cookie", "Proxy-Authorization", "Authorization"}},
	} {
		h := http.Header{}
		if test.vary != nil {
			h["Vary"] = slices.Clone(test.vary)
		}
		for range 2 {
			cookie.VaryAuthorization(h)
			if !slices.Equal(h["Vary"], test.want) {
				t.Errorf("%s: %q, want %q", test.name, h["Vary"], test.want)
			}
		}
	}
}
