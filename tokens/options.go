package tokens

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/cognitogate/cognitogate/internal/awscall"
)

// Options are the settings of a [Verifier], a [RemoteKeySet] and a [Client]. A nil
// *Options and zero fields mean the defaults.
type Options struct {
	// HTTPClient fetches key sets and calls Cognito. Default one like http.DefaultClient
	// that keeps 64 idle connections to a host. Every
	// request has a deadline of its own (5 s), so the client needs none.
	HTTPClient *http.Client

	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Keys replaces the user pool's remote key set. It is for tests, and for programs
	// that get keys in another way. After five minutes a key is asked for again.
	Keys KeySet

	// Leeway is how far "nbf" may be in the future. Default one minute; negative means
	// none. It does not apply to "exp".
	Leeway time.Duration

	// Audience are the resources that this program is, such as "https://api.example.com"
	// (RFC 8707). An access token that is bound to another resource, which its "aud" names,
	// is refused: its holder may have got it from a user of that resource. Default none:
	// every "aud" is accepted. A token without "aud" is bound to nothing, and accepted. So
	// is one whose "aud" is the app client that it was issued to.
	Audience []string

	// Logger gets a warning when a key set or an operation of Cognito begins to fail, and
	// an info with the duration when it works again. Each has at most one such pair of
	// lines a minute. No token is ever logged. Default slog.Default().
	Logger *slog.Logger

	// Hooks observe calls and fetches. Default none.
	Hooks Hooks
}

const defaultLeeway = time.Minute

// withDefaults returns a copy of o with defaults for all fields but Keys and Hooks.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.HTTPClient == nil {
		c.HTTPClient = awscall.DefaultClient()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	} else if c.Leeway < 0 {
		c.Leeway = 0
	}
	return c
}
