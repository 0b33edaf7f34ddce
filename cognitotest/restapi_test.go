package cognitotest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// callAPI sends a request to an emulated API and returns its answer.
func callAPI(t *testing.T, srv *cognitotest.Server, method, url, body string, header map[string]string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := srv.Client().Do(req)
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
	srv := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
	other := cognitotest.New(cognitotest.User{Username: "ada"})
	for _, tt := range []struct {
		name, authorization string
		status              int
		text                string
	}{
		{"an access token", "Bearer " + srv.Issue("ada").Access, 200, `"viewer":{"mode":"userPool","sub":"`},
		{"an ID token, bare", srv.Issue("ada").ID, 200, `"groups":["admins"]`},
		{"nothing", "", 403, "Missing Authentication Token"},
		{"a token of another pool", "Bearer " + other.Issue("ada").Access, 401, "Unauthorized"},
		{"an expired token", srv.Issue("ada", cognitotest.Expired).Access, 401, "Unauthorized"},
		{"rubbish", "Bearer x", 401, "Unauthorized"},
		{"half a signature", "AWS4-HMAC-SHA256 Credential=x", 403, "sigv4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := map[string]string{}
			if tt.authorization != "" {
				header["Authorization"] = tt.authorization
			}
			status, text := callAPI(t, srv, "PUT", srv.RESTURL()+"/a%20b?x=1", "body", header)
			if status != tt.status || !strings.Contains(text, tt.text) {
				t.Errorf("%d %s", status, text)
			}
			if status == 200 && !strings.Contains(text, `"path":"/a b"`) {
				t.Errorf("the request is told as %s", text)
			}
		})
	}
	if status, _ := callAPI(t, srv, "GET", strings.Replace(srv.RESTURL(), "/dev", "/prod", 1), "", nil); status != 404 {
		t.Errorf("another stage: %d", status)
	}
}

func TestSignaturesAreForOneService(t *testing.T) {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	creds := credentials(t, srv, "ada")
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, tt := range []struct {
		service, region, body string
		status                int
	}{
		{"execute-api", "eu-west-1", "", 200},
		{"appsync", "eu-west-1", "", 403},
		{"execute-api", "us-east-1", "", 403},
		{"execute-api", "eu-west-1", "another payload", 403},
	} {
		req, _ := http.NewRequest("POST", srv.RESTURL()+"/x", nil)
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, empty, tt.service, tt.region, srv.Now()); err != nil {
			t.Fatal(err)
		}
		req.Body = io.NopCloser(strings.NewReader(tt.body))
		resp, err := srv.Client().Do(req)
		if err != nil || resp.StatusCode != tt.status {
			t.Errorf("%s in %s: %v, %v", tt.service, tt.region, resp.Status, err)
		}
	}
}
