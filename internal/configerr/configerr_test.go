package configerr_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/cognitogate/cognitogate/internal/configerr"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestList(t *testing.T) {
	var l configerr.List
	if err := l.Err(); err != nil {
		t.Fatal(err)
	}
	l.Add("Origin", "%q is none", "x")
	l.Join("UserPool", tokens.UserPool{ID: "eu-west-1_A", Domain: "a/b"}.Validate())
	l.Join("Matcher", io.ErrUnexpectedEOF)
	l.Join("", errors.Join(&tokens.ConfigError{Field: "Secret", Err: io.EOF}))
	l.Join("Rules", nil)
	err := fmt.Errorf("New: %w", l.Err())

	const want = "New: " + `Origin: "x" is none
UserPool.ClientID: is required
UserPool.Domain: "a/b" is not a host like "auth.example.com": no scheme, no path
Matcher: unexpected EOF
Secret: EOF`
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, io.EOF) {
		t.Error("the causes are lost")
	}
	var mistake *tokens.ConfigError
	if !errors.As(err, &mistake) || mistake.Field != "Origin" {
		t.Errorf("first mistake: %v", mistake)
	}
}
