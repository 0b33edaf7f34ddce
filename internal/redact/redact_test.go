package redact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/redact"
)

// TestSecretsInEveryForm quotes secrets in the ways that errors and logs do.
func TestSecretsInEveryForm(t *testing.T) {
	for _, secret := range []string{"eyJhbGciOi.J9-_x", `a"b\c<d>&é %/+`, "tab\tand\nline\x00\xff"} {
		inJSON, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, quoted := range []string{
			secret, fmt.Sprintf("%q", secret), fmt.Sprintf("%+q", secret), string(inJSON),
			url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
			fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
		} {
			got := redact.Text("Value '"+quoted+"' at 'token'; "+quoted, "another secret", secret)
			if want := "Value '" + strings.Replace(quoted, strings.Trim(quoted, `"`), "…", 1) + "' at 'token'; "; !strings.HasPrefix(got, want) || strings.Count(got, "…") != 2 {
				t.Errorf("%q: %q", quoted, got)
			}
		}
	}
}

// TestSecretsThatOverlap has one secret be a part of another, and texts too short to be
// one.
func TestSecretsThatOverlap(t *testing.T) {
	for _, secrets := range [][]string{{"abcdef", "abcdef-ghi"}, {"abcdef-ghi", "abcdef"}} {
		if got := redact.Text("x abcdef-ghi y abcdef z", secrets...); got != "x … y … z" {
			t.Errorf("%q: %q", secrets, got)
		}
	}
	if got := redact.Text("a message", "", "a", "mes"); got != "a message" {
		t.Errorf("%q", got)
	}
}

func TestErrors(t *testing.T) {
	harmless := errors.New("no route to host")
	if got := redact.Error(harmless, "s3cr3t"); got != harmless {
		t.Errorf("%v", got)
	}
	for _, cause := range []error{harmless, context.Canceled, context.DeadlineExceeded} {
		quoting := fmt.Errorf("POST {Token: s3cr3t}: %w", cause)
		got := redact.Error(quoting, "s3cr3t")
		if got.Error() != "POST {Token: …}: "+cause.Error() || errors.Is(got, cause) != (cause != harmless) || errors.Is(got, quoting) {
			t.Errorf("%v: %v", cause, got)
		}
		if text := fmt.Sprintf("%+v %#v", got, got); strings.Contains(text, "s3cr3t") {
			t.Error(text)
		}
	}
}
