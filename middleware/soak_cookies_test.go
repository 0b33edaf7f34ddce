package middleware_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// planted are cookies that a sibling subdomain has planted for a while, for a more specific
// path, so that browsers send them first.
func (b *soakBrowser) planted(cookies []*http.Cookie) (planted []*http.Cookie) {
	if rand.N(4) > 0 {
		return nil
	}
	prefix := ""
	for _, c := range cookies {
		if name, ok := strings.CutSuffix(c.Name, "accessToken"); ok {
			prefix = name
		}
	}
	if prefix == "" {
		return nil
	}
	for range 1 + rand.N(4) {
		slot := []string{"accessToken", "idToken", "refreshToken", "deviceKey", "deviceGroupKey", "randomPasswordKey"}[rand.N(6)]
		value := fmt.Sprint("planted", rand.N(1000))
		if slot == "deviceKey" {
			value = "eu-west-1_00000000-0000-0000-0000-000000000000"
		}
		planted = append(planted, &http.Cookie{Name: prefix + slot, Value: value})
	}
	return planted
}

func isRedirectMarker(c *http.Cookie) bool {
	return strings.Contains(c.Name, "cognitogate.redirected.")
}
