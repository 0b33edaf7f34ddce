package tokens_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// TestEnvironmentIsNotRead checks that environment variables of the SDK change nothing.
func TestEnvironmentIsNotRead(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "xx-evil-1", "AWS_DEFAULT_REGION": "xx-evil-1", "AWS_ENDPOINT_URL": "https://evil.example",
		"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": "https://evil.example", "AWS_USE_FIPS_ENDPOINT": "true",
		"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_ACCESS_KEY_ID": "AKIAEVIL", "AWS_SECRET_ACCESS_KEY": "evil",
		"AWS_MAX_ATTEMPTS": "9", "AWS_RETRY_MODE": "adaptive",
	} {
		t.Setenv(name, value)
	}
	rec := &recorder{answer: "{"}
	c, err := tokens.NewClient(tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc"}, &tokens.Options{HTTPClient: rec.client()})
	if err != nil {
		t.Fatal(err)
	}
	c.Refresh(context.Background(), "r", nil)
	if len(rec.requests) != 1 || rec.requests[0].URL.String() != "https://cognito-idp.eu-west-1.amazonaws.com/" || rec.requests[0].Header.Get("Authorization") != "" {
		t.Errorf("%d requests, the last to %v", len(rec.requests), rec.requests)
	}
}

// TestOptionsAreCopied checks that later changes of the caller's Options have no effect,
// and that defaults are not written to them.
func TestOptionsAreCopied(t *testing.T) {
	opts := new(tokens.Options)
	if _, err := tokens.NewVerifier(goldenUserPool, opts); err != nil {
		t.Fatal(err)
	}
	if opts.HTTPClient != nil || opts.Now != nil || opts.Keys != nil || opts.Leeway != 0 {
		t.Errorf("the caller's options are now %+v", opts)
	}
	rec := &recorder{answer: "{}"}
	opts.HTTPClient = rec.client()
	v, err := tokens.NewVerifier(goldenUserPool, opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.HTTPClient = &http.Client{Transport: redirect{500, new([]string)}}
	v.Verify(context.Background(), newDraft(tokens.Access, time.Now().Add(time.Hour)).token(), tokens.Access)
	if len(rec.requests) != 1 {
		t.Errorf("%d requests through the client that was given", len(rec.requests))
	}
}
