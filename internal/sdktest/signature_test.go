package sdktest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// emptyHash is the SHA-256 of an empty body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestSkewedSignatures(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	creds := credentials(t, server, "ada")
	for _, off := range []time.Duration{-6 * time.Minute, -4 * time.Minute, 4 * time.Minute, 6 * time.Minute} {
		req, _ := http.NewRequest("GET", server.RESTURL()+"/x", nil)
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, emptyHash, "execute-api", "eu-west-1", server.Now().Add(off)); err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if want := off.Abs() < 5*time.Minute; (resp.StatusCode == 200) != want {
			t.Errorf("signed %v off: %s", off, resp.Status)
		}
	}
}

func TestSignaturesAreForOneService(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	creds := credentials(t, server, "ada")
	for _, tt := range []struct {
		service, region, body string
		status                int
	}{
		{"execute-api", "eu-west-1", "", 200},
		{"appsync", "eu-west-1", "", 403},
		{"execute-api", "us-east-1", "", 403},
		{"execute-api", "eu-west-1", "another payload", 403},
	} {
		req, _ := http.NewRequest("POST", server.RESTURL()+"/x", nil)
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, emptyHash, tt.service, tt.region, server.Now()); err != nil {
			t.Fatal(err)
		}
		req.Body = io.NopCloser(strings.NewReader(tt.body))
		resp, err := server.Client().Do(req)
		if err != nil || resp.StatusCode != tt.status {
			t.Errorf("%s in %s: %v, %v", tt.service, tt.region, resp.Status, err)
		}
	}
}
