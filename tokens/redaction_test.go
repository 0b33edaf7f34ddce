package tokens_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// printed returns v in every form that a log may have.
func printed(v any) []string {
	var all []string
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X"} {
		all = append(all, fmt.Sprintf(format, v))
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "v", v, "in", []any{v}, slog.Group("g", "v", v))
	}
	all = append(all, log.String())
	if text, err := json.Marshal(map[string]any{"v": v}); err == nil {
		all = append(all, string(text))
	}
	return all
}

// TestNothingPrintsTokens checks every type that holds a token or a secret.
func TestNothingPrintsTokens(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	userPool := server.UserPool()
	userPool.ClientSecret = "s3cr3t"
	opts := &tokens.Options{HTTPClient: server.Client()}
	v, err := tokens.NewVerifier(userPool, opts)
	if err != nil {
		t.Fatal(err)
	}
	set := server.Issue("ada")
	token, err := v.Verify(context.Background(), set.Access, tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(context.Background(), server.Issue("ada", cognitotest.Expired).Access, tokens.Access)
	refusal := (*tokens.VerifyError)(nil)
	if !errors.As(err, &refusal) || refusal.Token == nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"Token":         token,
		"Token value":   *token,
		"Set":           set,
		"Set value":     *set,
		"VerifyError":   refusal,
		"its value":     *refusal,
		"expired token": refusal.Token,
		"APIError":      &tokens.APIError{Op: "GetUser", Status: 400, Code: "NotAuthorizedException", Message: "no"},
		"in a struct":   struct{ Set tokens.Set }{*set},
		"in a slice":    []tokens.Set{*set},
		"in a map":      map[string]*tokens.Set{"ada": set},
		"UserPool":      userPool,
		"config":        &struct{ UserPool tokens.UserPool }{userPool},
	} {
		for _, text := range printed(v) {
			for _, secret := range []string{"eyJ", fmt.Sprintf("%x", "eyJ"), set.Refresh, "s3cr3t", fmt.Sprintf("%x", "s3cr3t")} {
				// The JSON of a configuration is a configuration.
				inJSON := secret == "s3cr3t" && strings.Contains(text, `"ClientSecret":`)
				if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) && !inJSON {
					t.Errorf("%s prints as %s", name, text)
				}
			}
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "pool", userPool)
	if text := log.String(); strings.Contains(text, "s3cr3t") || !strings.Contains(text, userPool.ID) {
		t.Errorf("a pool is logged as %s", text)
	}
	if text := fmt.Sprint(token); !strings.Contains(text, token.Subject()) || !strings.Contains(text, "access") {
		t.Errorf("a token prints as %s, without its use or subject", text)
	}
}
