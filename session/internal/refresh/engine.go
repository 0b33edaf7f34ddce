// Package refresh exchanges refresh tokens for new tokens, once for all requests that
// hold the same one.
//
// Browsers send many requests at once. With rotation, a second exchange of a refresh
// token would end the session. So requests join a running call, and its result is
// remembered for those that come a little later, or whose browser has missed the
// answer. Limits decide who may call Cognito, and a sign-out ends what is remembered. The
// processes of a site that share a store make one call together.
//
// The package knows no cookie and no cache of sessions. It says which access tokens are
// superseded, so that no cache serves their sessions.
package refresh

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/tokens"
)

// maxAhead is how far the iat of a token may be ahead of this process's clock. A token
// beyond it may have any age.
const maxAhead = 60 * time.Second

// Config has what an Engine works with. The hooks, from Issued to Refreshed, and what belongs
// to a Store may be nil.
type Config struct {
	Exchange func(ctx context.Context, refreshToken string, opts *tokens.RefreshOptions) (*tokens.Set, error)
	Revoke   func(ctx context.Context, refreshToken string) error
	Verify   func(ctx context.Context, raw string, use tokens.Use) (*tokens.Token, error)

	// Trusted reports whether the keys that signed a result's tokens are still trusted.
	Trusted func(*Tokens) bool

	// Secrets are what no log may quote, beside tokens.
	Secrets []string

	// Superseded is told of an access token that a refresh replaces, before the refresh
	// runs. It must not serve the token from a cache any more, and must not block.
	Superseded func(access string)

	// Margin is how long before its expiry a token counts as expiring. At most half of
	// the token's life counts.
	Margin time.Duration
	Now    func() time.Time
	Logger *slog.Logger

	// Issued is told of each access token that Cognito has just issued and that is valid.
	Issued func(*tokens.Token)

	// RefreshStarted is told of a Refresh that begins. The Refresh runs with the context
	// that it returns, unless that is nil.
	RefreshStarted func(ctx context.Context) context.Context

	// Refreshed is told how a request got refreshed tokens, or why it got none.
	Refreshed func(ctx context.Context, source Source, elapsed time.Duration, err error)

	// Store is shared with the Engines of other processes. StoreCalled is told of each
	// call. Box seals what the store sees. UserPoolID and ClientID make the names of its
	// keys, and those in its log. The last three are not needed without a Store.
	Store                Store
	StoreCalled          func(ctx context.Context, op StoreOperation, elapsed time.Duration, err error)
	Box                  *seal.Box
	UserPoolID, ClientID string
}

// Engine refreshes the tokens of one user pool and app client. Work under its mutex
// never blocks and takes constant time, except for the sweep, once a second, and for
// following rotations.
type Engine struct {
	cfg Config

	*limits
	*signOuts
	*devices
	*receivedTokens
	userRefusals *userRefusals

	store   *boundedStore // nil if there is none
	sharing *sharing      // the same
	log     *signOutLog   // the same

	mu      sync.Mutex
	results results

	lastNumber atomic.Uint64 // of a refreshCall
	running    atomic.Int64

	logClock, logAnswer, logConfig rate.Sometimes
}

// New returns an Engine.
func New(cfg Config) *Engine {
	e := &Engine{
		cfg:            cfg,
		limits:         newLimits(cfg.Now),
		signOuts:       newSignOuts(cfg.UserPoolID, cfg.ClientID, cfg.Now),
		devices:        newDevices(cfg.Now),
		receivedTokens: newReceivedTokens(cfg.Now),
		userRefusals:   newUserRefusals(cfg.Now),
		results:        newResults(),
	}
	if cfg.Store != nil {
		e.store = newBoundedStore(cfg.Store, cfg.Logger, cfg.StoreCalled)
		e.sharing = newSharing(e.store, cfg.Box, cfg.Now, cfg.UserPoolID, cfg.ClientID)
		e.log = newSignOutLog(e.store, e.signOuts, cfg.Now, cfg.Logger)
	}
	e.logClock.Interval, e.logAnswer.Interval, e.logConfig.Interval = time.Minute, time.Minute, time.Minute
	return e
}

// Store returns the Config's Store with calls that are bounded in time, and that fail at
// once while the Store does not answer. It is nil if there is none.
func (e *Engine) Store() Store {
	if e.store == nil {
		return nil
	}
	return e.store
}

// Size returns how many calls run, how many results are remembered, and how many of those
// no browser has shown. Tests look at it.
func (e *Engine) Size() (running, results, undelivered int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return int(e.running.Load()), e.results.finished.Len(), int(e.results.undeliveredCount.Load())
}

// FreshUntil returns when a token begins to be expiring: the Margin before it expires.
func (e *Engine) FreshUntil(t *tokens.Token) time.Time { return freshUntil(t, e.cfg.Margin) }

// IsDue reports whether a token that is shown with this refresh token is expiring and did
// not just come with a refresh.
func (e *Engine) IsDue(t *tokens.Token, refreshToken string, now time.Time) bool {
	if !isExpiring(t, e.cfg.Margin, now) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, call := range [...]*refreshCall{e.results.byToken[refreshToken], e.results.byNewToken[refreshToken]} {
		if call != nil && call.brought(t) {
			return call.isExpiring(t, e.cfg.Margin, now)
		}
	}
	return true
}

// IsOlder reports whether an access token is older than maxAge, or may be. A maxAge of 0
// is none. The age counts from the moment at which this process received the token from
// Cognito. It counts from iat for another process's token, by Cognito's clock as far as
// exchanges have shown that. So a wrong clock here costs one refresh, and not one for
// each request.
func (e *Engine) IsOlder(t *tokens.Token, maxAge time.Duration) bool {
	if maxAge <= 0 {
		return false
	}
	age, ok := e.sinceReceived(t.Raw())
	if !ok {
		age = e.cognitoNow().Sub(t.IssuedAt())
	}
	return age > maxAge || age < -maxAhead || !ok && t.IssuedAt().IsZero()
}

// NoteDelivered notes that a browser has shown this access token. Results are kept
// until then; afterwards only requests that are still on their way need them. Every
// request of a signed-in user comes by here.
func (e *Engine) NoteDelivered(access string) {
	if e.results.undeliveredCount.Load() == 0 {
		return
	}
	known, ok := e.results.undelivered.Load(access)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if call := known.(*refreshCall); !call.keepLong {
		call.keepUntil = call.finishedAt.Add(resultMinTTL)
		e.results.forgetUndelivered(call)
	}
}

// HasNewerResult reports whether an earlier refresh of this refresh token produced newer
// tokens than the access token shown, or may have: its answer could not be verified, or
// was lost. The browser has missed the answer then. With rotation its refresh token is
// worth nothing soon, and without this it would find out when the access token expires.
func (e *Engine) HasNewerResult(refreshToken string, shown *tokens.Token) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	call := e.results.byToken[refreshToken]
	switch {
	case call == nil && !e.replyWasLost(refreshToken, shown.Subject()):
		return false
	case call == nil:
	case call.isRunning() || !call.supersedes(shown):
		return false
	case call.tokens != nil && !call.isExpiring(call.tokens.Access, e.cfg.Margin, e.cfg.Now()):
		return true
	}
	// Another call to Cognito is needed, which waits while refreshes are paused.
	return !e.IsPaused(refreshToken, shown.Subject())
}

// IsSuperseded reports whether a refresh that runs, or is remembered, replaces the
// access token shown with this refresh token. Do not cache its session: a browser that
// shows it again has missed the answer.
func (e *Engine) IsSuperseded(refreshToken string, shown *tokens.Token) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if call := e.results.byToken[refreshToken]; call != nil {
		return call.supersedes(shown)
	}
	return e.replyWasLost(refreshToken, shown.Subject())
}
