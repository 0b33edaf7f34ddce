package cognitotest_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func TestClientRefusesOthers(t *testing.T) {
	server := cognitotest.New(ada)
	for _, url := range []string{
		"https://example.com/",
		"https://cognito-idp.us-east-1.amazonaws.com/",
		"http://cognito-idp.eu-west-1.amazonaws.com/",
		"https://cognito-idp.eu-west-1.amazonaws.com:8443/",
		"https://cognito-idp.eu-west-1.amazonaws.com.example.com/",
		"https://cognito-idp/",
		"http://127.0.0.1:1/",
	} {
		if resp, err := server.Client().Get(url); err == nil || !strings.Contains(err.Error(), "no network") {
			t.Errorf("%s: %v, %v", url, resp, err)
		} else if dns, ok := errors.AsType[*net.DNSError](err); !ok || !dns.IsNotFound {
			t.Errorf("%s: %v is not the error of an unknown host", url, err)
		}
	}
}
