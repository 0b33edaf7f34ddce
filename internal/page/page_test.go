package page_test

import (
	"net/http/httptest"
	"testing"

	"github.com/cognitogate/cognitogate/internal/page"
)

func TestNavigations(t *testing.T) {
	for _, c := range []struct {
		name, method   string
		headers        []string // name, value, …
		is, navigation bool
	}{
		{"nothing is said", "GET", nil, true, true},
		{"Fetch Metadata decides", "GET", []string{"Sec-Fetch-Mode", "navigate", "Accept", "application/json"}, true, true},
		{"Fetch Metadata decides against it", "GET", []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, false, false},
		{"HEAD", "HEAD", nil, true, true},
		{"a form", "POST", []string{"Content-Type", "application/x-www-form-urlencoded"}, false, true},
		{"JSON in a POST", "POST", []string{"Content-Type", "application/json"}, false, false},
		{"a problem document in a POST", "POST", []string{"Content-Type", "application/problem+JSON"}, false, false},
		{"JSON and HTML are welcome", "GET", []string{"Accept", "application/json, text/html"}, true, true},
		{"a JSON dialect is asked for", "GET", []string{"Accept", "application/vnd.api+json"}, false, false},
		{"events are asked for", "GET", []string{"Accept", "text/event-stream"}, false, false},
		{"everything is welcome", "GET", []string{"Accept", "*/*"}, true, true},
		{"an upgrade", "GET", []string{"Upgrade", "websocket", "Sec-Fetch-Mode", "navigate"}, false, false},
		{"an upgrade over HTTP/2", "CONNECT", nil, false, false},
		{"htmx", "GET", []string{"HX-Request", "true", "Sec-Fetch-Mode", "navigate"}, false, false},
		{"XMLHttpRequest", "GET", []string{"X-Requested-With", "XMLHttpRequest"}, false, false},
		{"a bearer token", "GET", []string{"Authorization", "bearer x"}, false, false},
		{"other credentials", "GET", []string{"Authorization", "Basic x"}, true, true},
		{"a method that no form has", "PUT", nil, false, false},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		if is, navigation := page.Is(r), page.Navigation(r); is != c.is || navigation != c.navigation {
			t.Errorf("%s: page %v, navigation %v", c.name, is, navigation)
		}
	}
}
