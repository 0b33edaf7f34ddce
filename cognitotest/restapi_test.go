package cognitotest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// callAPI sends a request to an emulated API and returns the response.
func callAPI(t *testing.T, server *cognitotest.Server, method, url, body string, header map[string]string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestRESTAuthorization(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
	other := cognitotest.New(cognitotest.User{Username: "ada"})
	for _, tt := range []struct {
		name, authorization string
		status              int
		text                string
	}{
		{"an access token", "Bearer " + server.Issue("ada").Access, 200, `"viewer":{"mode":"userPool","sub":"`},
		{"an ID token, bare", server.Issue("ada").ID, 200, `"groups":["admins"]`},
		{"nothing", "", 403, "Missing Authentication Token"},
		{"a token of another pool", "Bearer " + other.Issue("ada").Access, 401, "Unauthorized"},
		{"an expired token", server.Issue("ada", cognitotest.Expired).Access, 401, "Unauthorized"},
		{"rubbish", "Bearer x", 401, "Unauthorized"},
		{"half a signature", "AWS4-HMAC-SHA256 Credential=x", 403, "sigv4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := map[string]string{}
			if tt.authorization != "" {
				header["Authorization"] = tt.authorization
			}
			status, text := callAPI(t, server, "PUT", server.RESTURL()+"/a%20b?x=1", "body", header)
			if status != tt.status || !strings.Contains(text, tt.text) {
				t.Errorf("%d %s", status, text)
			}
			if status == 200 && !strings.Contains(text, `"path":"/a b"`) {
				t.Errorf("the request is told as %s", text)
			}
		})
	}
	if status, _ := callAPI(t, server, "GET", strings.Replace(server.RESTURL(), "/dev", "/prod", 1), "", nil); status != 404 {
		t.Errorf("another stage: %d", status)
	}
}
