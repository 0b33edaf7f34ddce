package tokens_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// TestErrorsQuoteNothingSent has every call's answer, and every error of the transport,
// quote the whole request in several ways. No error that comes of it shows a credential.
func TestErrorsQuoteNothingSent(t *testing.T) {
	userPool := tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1example23456789", ClientSecret: `s3cr3t+of/"the"-client`, Domain: "login.example.com"}
	const (
		token    = "eyJhbGciOiJSU0EtT0FFUCJ9.refresh-token"
		device   = "eu-west-1_0f1e2d3c-1111"
		code     = "c0de-c0de-c0de"
		verifier = "verifier-of-43-characters-verifier-of-43-ch"
	)
	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(userPool.ClientID) + ":" + url.QueryEscape(userPool.ClientSecret)))
	secrets := []string{token, device, code, verifier, "s3cr3t", basic}

	quotes := map[string]func(sent string) string{
		"as it is": func(sent string) string { return sent },
		"decoded": func(sent string) string {
			_, body, _ := strings.Cut(sent, "\n")
			var members map[string]any
			if json.Unmarshal([]byte(body), &members) == nil {
				return fmt.Sprint(members)
			}
			form, _ := url.ParseQuery(body)
			return fmt.Sprint(form)
		},
		"by Go":     func(sent string) string { return fmt.Sprintf("%q", sent) },
		"in a URL":  url.QueryEscape,
		"in digits": func(sent string) string { return fmt.Sprintf("%x", sent) },
	}
	calls := map[string]func(*tokens.Client) error{
		"Refresh": func(c *tokens.Client) error {
			_, err := c.Refresh(context.Background(), token, &tokens.RefreshOptions{DeviceKey: device})
			return err
		},
		"Revoke":        func(c *tokens.Client) error { return c.Revoke(context.Background(), token) },
		"GlobalSignOut": func(c *tokens.Client) error { return c.GlobalSignOut(context.Background(), token) },
		"UserAttributes": func(c *tokens.Client) error {
			_, err := c.UserAttributes(context.Background(), token)
			return err
		},
		"Exchange": func(c *tokens.Client) error {
			_, err := c.Exchange(context.Background(), code, verifier, "https://app.example.com/")
			return err
		},
	}
	for callName, call := range calls {
		for quoteName, quote := range quotes {
			for _, as := range []string{"message", "code", "transport"} {
				quoted := ""
				transport := transportFunc(func(r *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(r.Body)
					quoted = quote(r.Header.Get("Authorization") + "\n" + string(body))
					if as == "transport" {
						return nil, errors.New("cannot send " + quoted)
					}
					members := map[string]string{"__type": "InvalidParameterException", "message": quoted, "error": "invalid_request", "error_description": quoted}
					if as == "code" {
						members["__type"], members["error"] = quoted, quoted
					}
					text, err := json.Marshal(members)
					return &http.Response{StatusCode: 400, Header: http.Header{"Content-Type": {"application/json"}},
						Body: io.NopCloser(strings.NewReader(string(text))), Request: r}, err
				})
				var hooked error
				client, err := tokens.NewClient(userPool, &tokens.Options{HTTPClient: &http.Client{Transport: transport},
					Hooks: tokens.Hooks{Called: func(_ context.Context, _ string, _ time.Duration, err error) { hooked = err }}})
				if err != nil {
					t.Fatal(err)
				}
				err = call(client)
				if err == nil || hooked == nil {
					t.Fatalf("%s %s: no error", callName, as)
				}
				for _, text := range append(printed(err), printed(hooked)...) {
					for _, secret := range secrets {
						for _, form := range []string{secret, fmt.Sprintf("%x", secret)} {
							if strings.Contains(text, form) {
								t.Errorf("%s, quoted %s in the %s: the error shows %s: %.300s", callName, quoteName, as, secret, text)
							}
						}
					}
				}
			}
		}
	}
}
