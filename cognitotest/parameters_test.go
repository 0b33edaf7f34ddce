package cognitotest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestParameterPatterns sends parameters that the API reference allows or not.
func TestParameterPatterns(t *testing.T) {
	const device = "eu-west-1_11111111-2222-4333-8444-555555555555"
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	client, err := tokens.NewClient(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	refresh := server.Issue("ada", cognitotest.Device(device)).Refresh
	for name, test := range map[string]struct {
		refresh, device string
		code            string // or "" for success
		messages        []string
	}{
		"all right":           {refresh, device, "", nil},
		"no device key":       {refresh, "", "NotAuthorizedException", []string{"Invalid Refresh Token"}},
		"another device":      {refresh, "eu-west-1_2222", "NotAuthorizedException", []string{"Invalid device key given."}},
		"an odd device":       {refresh, "x", "InvalidParameterException", []string{"1 validation error detected: Value '…' at 'deviceKey' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+_[0-9a-f-]+"}},
		"capital digits":      {refresh, "eu-west-1_ABC", "InvalidParameterException", []string{"pattern"}},
		"a long device key":   {refresh, "eu-west-1_" + strings.Repeat("a", 46), "InvalidParameterException", []string{"less than or equal to 55"}},
		"a line break":        {refresh, device + "\n", "InvalidParameterException", []string{"pattern"}},
		"an odd token":        {"a b c d", device, "InvalidParameterException", []string{"Value '…' at 'refreshToken'", "[A-Za-z0-9-_=.]+"}},
		"a token of another":  {"abcd", device, "NotAuthorizedException", []string{"Invalid Refresh Token"}},
		"both of them":        {"a b c d", "odd device", "InvalidParameterException", []string{"2 validation errors detected: ", "; Value"}},
		"a device key of one": {refresh, "a_b", "NotAuthorizedException", nil},
	} {
		set, err := client.Refresh(t.Context(), test.refresh, &tokens.RefreshOptions{DeviceKey: test.device})
		var api *tokens.APIError
		if (err == nil) != (test.code == "") || test.code != "" && (!errors.As(err, &api) || api.Code != test.code) {
			t.Errorf("%s: %v, %v", name, set, err)
			continue
		}
		for _, message := range test.messages {
			if text := strings.ReplaceAll(api.Message, "'x'", "'…'"); !strings.Contains(text, message) {
				t.Errorf("%s: %s", name, api.Message)
			}
		}
	}
	if err := client.Revoke(t.Context(), "a b c d"); err == nil || !strings.Contains(err.Error(), "at 'token'") {
		t.Errorf("Revoke: %v", err)
	}
	if err := client.GlobalSignOut(t.Context(), "a b c d"); err == nil || !strings.Contains(err.Error(), "at 'accessToken'") {
		t.Errorf("GlobalSignOut: %v", err)
	}
}

// TestDevice refreshes the session of a device: new tokens name it, too.
func TestDevice(t *testing.T) {
	const device = "eu-west-1_11111111-2222-4333-8444-555555555555"
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	opts := &tokens.Options{HTTPClient: server.Client(), Now: server.Now}
	client, err := tokens.NewClient(server.UserPool(), opts)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := tokens.NewVerifier(server.UserPool(), opts)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*cognitotest.Draft){"": nil, device: cognitotest.Device(device)} {
		set := server.Issue("ada", edit)
		for range 3 {
			access, err := verifier.Verify(t.Context(), set.Access, tokens.Access)
			if err != nil || access.DeviceKey() != name {
				t.Fatalf("%q: %v, %v", name, access, err)
			}
			id, err := verifier.Verify(t.Context(), set.ID, tokens.ID)
			if err != nil || id.DeviceKey() != "" {
				t.Errorf("%q: %v, %v", name, id, err)
			}
			next, err := client.Refresh(t.Context(), set.Refresh, &tokens.RefreshOptions{DeviceKey: name})
			if err != nil {
				t.Fatal(err)
			}
			next.Refresh = set.Refresh
			set = next
		}
	}
}

// TestTrigger has a trigger refuse one of two users.
func TestTrigger(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "bob"})
	client, err := tokens.NewClient(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	ada, bob := server.Issue("ada"), server.Issue("bob")
	refreshes := func(set *tokens.Set, message string) {
		t.Helper()
		_, err := client.Refresh(t.Context(), set.Refresh, nil)
		var api *tokens.APIError
		if message == "" && err != nil || message != "" && (!errors.As(err, &api) || api.Code != "UserLambdaValidationException" || api.Message != message) {
			t.Errorf("%v, want %q", err, message)
		}
	}
	server.SetTrigger(func(username string) string {
		if username == "ada" {
			return "no tenant"
		}
		return ""
	})
	refreshes(ada, "PreTokenGeneration failed with error no tenant.")
	refreshes(bob, "")
	server.SetTrigger(nil)
	refreshes(ada, "")
}
