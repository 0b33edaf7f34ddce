package refresh_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// sharedServer issues the tokens of all tests: keys are costly. The tests run one after
// the other, and each sets the clock.
var sharedServer = sync.OnceValue(func() *cognitotest.Server {
	return cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "bob"})
})

// env is an Engine. Its test answers for Cognito with tokens of the emulator.
type env struct {
	*refresh.Engine
	t        *testing.T
	server   *cognitotest.Server
	verifier *tokens.Verifier
	config   refresh.Config

	// exchange answers a call. The default issues tokens for ada and rotates.
	exchange func(refreshToken string) (*tokens.Set, error)
	// verifyErr makes the verification of new tokens fail.
	verifyErr error
	verify    func() error // called first; may be nil
	revoke    func()       // called by a revocation; may be nil

	adas *tokens.Token // an access token that the test's requests show

	mu        sync.Mutex
	now       time.Time
	exchanged []string // refresh tokens
	revoked   []string
	sources   []refresh.Source // told to the hook

	superseded []string // access tokens
	untrusted  string   // an access token whose key has left the key set
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{t: t, server: sharedServer()}
	e.now = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	e.server.SetNow(e.clock)
	verifier, err := tokens.NewVerifier(e.server.UserPool(), &tokens.Options{HTTPClient: e.server.Client(), Now: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	e.verifier = verifier
	e.exchange = func(refreshToken string) (*tokens.Set, error) { return e.issue("ada", refreshToken+"'"), nil }
	e.config = refresh.Config{
		Exchange: func(_ context.Context, refreshToken string, _ *tokens.RefreshOptions) (*tokens.Set, error) {
			e.mu.Lock()
			e.exchanged = append(e.exchanged, refreshToken)
			e.mu.Unlock()
			return e.exchange(refreshToken)
		},
		Revoke: func(_ context.Context, refreshToken string) error {
			e.mu.Lock()
			e.revoked = append(e.revoked, refreshToken)
			e.mu.Unlock()
			if e.revoke != nil {
				e.revoke()
			}
			return nil
		},
		Verify: func(ctx context.Context, raw string, use tokens.Use) (*tokens.Token, error) {
			if e.verifyErr != nil {
				return nil, e.verifyErr
			}
			if e.verify != nil {
				if err := e.verify(); err != nil {
					return nil, err
				}
			}
			return verifier.Verify(ctx, raw, use)
		},
		Trusted: func(t *refresh.Tokens) bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return t.Access.Raw() != e.untrusted
		},
		Superseded: func(access string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.superseded = append(e.superseded, access)
		},
		Margin: 5 * time.Second,
		Now:    e.clock,
		Logger: slog.New(slog.DiscardHandler),
		Refreshed: func(_ context.Context, source refresh.Source, _ time.Duration, _ error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.sources = append(e.sources, source)
		},
	}
	e.Engine = refresh.New(e.config)
	e.adas = e.accessToken("ada")
	return e
}

func (e *env) clock() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

func (e *env) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

// issue returns new tokens with a refresh token of the test's.
func (e *env) issue(user, refreshToken string) *tokens.Set {
	set := e.server.Issue(user)
	set.Refresh = refreshToken
	return set
}

// accessToken returns a verified access token.
func (e *env) accessToken(user string) *tokens.Token {
	e.t.Helper()
	token, err := e.verifier.Verify(context.Background(), e.server.Issue(user).Access, tokens.Access)
	if err != nil {
		e.t.Fatal(err)
	}
	return token
}

// refresh refreshes with a refresh token of ada's.
func (e *env) refresh(refreshToken string) (*refresh.Tokens, error) {
	return e.refreshWith(refresh.Request{RefreshToken: refreshToken, Genuine: []*tokens.Token{e.adas}})
}

func (e *env) refreshWith(req refresh.Request) (*refresh.Tokens, error) {
	return e.Refresh(context.Background(), req)
}

// mustRefresh is refresh without an error.
func (e *env) mustRefresh(refreshToken string) *refresh.Tokens {
	e.t.Helper()
	got, err := e.refresh(refreshToken)
	if err != nil {
		e.t.Fatal(err)
	}
	return got
}
