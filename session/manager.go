package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// Manager reads, refreshes and writes the sessions of one user pool and app
// client. It may be used by many goroutines at once.
type Manager struct {
	userPool  tokens.UserPool
	issuers   map[string]bool
	client    *tokens.Client
	verifier  *tokens.Verifier
	layout    layout
	names     names         // of the cookies of the layout
	sealed    *sealedLayout // is the layout, or nil
	handle    *handleLayout // the same
	takeOver  *takeOver     // of Amplify's sessions, or nil
	cache     cache
	checked   *checkedTokens
	notes     *refreshNotes
	refresher *refresh.Engine
	bearer    bearerTokens
	now       func() time.Time
	logger    *slog.Logger
	warnings  *warnings

	clientAddress func(*http.Request) netip.Addr
	hooks         Hooks
	logForeign    rate.Sometimes
}

// NewManager returns a Manager, or a [*tokens.ConfigError] for each mistake in cfg,
// joined. It makes no request.
func NewManager(cfg Config) (*Manager, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.ClientAddress == nil {
		cfg.ClientAddress = remoteAddress
	}
	opts := &tokens.Options{HTTPClient: cfg.HTTPClient, Now: cfg.Now, Logger: cfg.Logger}
	var err error
	if cfg.Verifier == nil {
		if cfg.Verifier, err = tokens.NewVerifier(cfg.UserPool, opts); err != nil {
			return nil, err
		}
	}
	if cfg.Client == nil {
		if cfg.Client, err = tokens.NewClient(cfg.UserPool, opts); err != nil {
			return nil, err
		}
	}
	box, err := cfg.box()
	if err != nil {
		return nil, err
	}
	m := &Manager{
		userPool: cfg.UserPool,
		issuers:  make(map[string]bool),
		client:   cfg.Client,
		verifier: cfg.Verifier,
		checked:  newCheckedTokens(),
		notes:    newRefreshNotes(),
		bearer:   bearerTokens{cfg.Bearer, slices.Clone(cfg.BearerClients), cfg.BearerFrom},
		now:      cfg.Now,
		logger:   cfg.Logger,
		warnings: newWarnings(&cfg),

		clientAddress: cfg.ClientAddress,
		hooks:         cfg.Hooks,
	}
	m.cache = newCache(cfg.Layout.verifiedBytes(cfg.CacheBytes))
	m.logForeign.Interval = time.Minute
	for _, issuer := range cfg.UserPool.IssuerURLs() {
		m.issuers[issuer] = true
	}
	m.refresher = refresh.New(refresh.Config{
		Exchange: cfg.Client.Refresh, Revoke: cfg.Client.Revoke, Verify: cfg.Verifier.Verify,
		Trusted:    func(t *refresh.Tokens) bool { return m.areTrusted(t.Access, t.ID, m.now()) },
		Secrets:    []string{cfg.UserPool.ClientSecret},
		Superseded: func(access string) { m.cache.drop(inCookies, access) },
		Issued:     m.warnings.ofNewToken,
		Margin:     cfg.margin(), Now: cfg.Now, Logger: cfg.Logger,
		RefreshStarted: cfg.Hooks.RefreshStarted, Refreshed: m.hooks.refreshed(),
		Store: cfg.Shared, StoreCalled: m.hooks.storeCalled(), Box: box, UserPoolID: cfg.UserPool.ID, ClientID: cfg.UserPool.ClientID,
	})
	if err := m.setLayout(&cfg); err != nil {
		return nil, err
	}
	return m, nil
}

// setLayout makes the layout of a valid configuration.
func (m *Manager) setLayout(cfg *Config) (err error) {
	switch cfg.Layout {
	case LayoutSealed:
		if m.sealed, err = newSealedLayout(cfg); err == nil {
			m.layout, m.names = m.sealed, m.sealed.names
		}
	case LayoutHandle:
		if m.handle, err = newHandleLayout(cfg, m.refresher.Store()); err == nil {
			m.layout, m.names = m.handle, m.handle.names
		}
	default:
		l := newAmplifyLayout(cfg)
		m.layout, m.names = l, l.names
	}
	m.takeOver = newTakeOver(cfg, m.names)
	return err
}

// isAmplify reports whether the cookies are Amplify's.
func (m *Manager) isAmplify() bool { return m.sealed == nil && m.handle == nil }

// parseCookies finds our app client's cookies in a request's header and appends them to
// cookies. It calls no method of an interface, so that they may be on the caller's stack.
func (m *Manager) parseCookies(h http.Header, cookies requestCookies) requestCookies {
	if m.isAmplify() {
		return m.names.parse(h, cookies)
	}
	return m.names.parseWhole(h, cookies)
}

// cached returns the session of exactly these texts if it was verified before when it
// arrived in the same way, is not about to expire, was not signed out, and was signed
// with keys that are still trusted.
func (m *Manager) cached(ctx context.Context, how arrival, access, id, details string) *Session {
	if access == "" {
		return nil
	}
	e := m.cache.Get(cacheKey(how, access, id, details))
	if e == nil {
		return nil
	}
	s, now := &e.Value.session, m.now()
	m.refresher.HearSignOuts(ctx, now)
	if m.isEnded(&e.Value) || now.After(e.Value.freshUntil) || !m.areTrusted(s.access, s.id, now) {
		m.cache.drop(how, access)
		return nil
	}
	m.refresher.NoteDelivered(access)
	return s
}

// CacheSize returns how many verified sessions the cache holds, and about how many bytes of
// Config.CacheBytes they take.
func (m *Manager) CacheSize() (sessions int, bytes int64) {
	sessions, size := m.cache.Size()
	return sessions, int64(size)
}

// verifyToken verifies a token that has come with a request.
func (m *Manager) verifyToken(ctx context.Context, raw string, use tokens.Use) (*tokens.Token, error) {
	token, err := m.verifier.Verify(ctx, raw, use)
	m.warnings.ofVerified(token, err)
	m.logForeignIssuer(err)
	return token, err
}

// verifyBearerToken is verifyToken for a bearer token, which may be a further app client's.
// Such a token says nothing about the app client of the cookies.
func (m *Manager) verifyBearerToken(ctx context.Context, raw string) (*tokens.Token, error) {
	token, err := m.verifier.VerifyBearer(ctx, raw, m.bearer.clients...)
	genuine := token
	if refusal, ok := errors.AsType[*tokens.VerifyError](err); ok {
		genuine = refusal.Token
	}
	if genuine == nil || genuine.ClientID() == m.userPool.ClientID {
		m.warnings.ofVerified(token, err)
	}
	m.logForeignIssuer(err)
	return token, err
}

// logForeignIssuer logs that a refused token of this app client comes from another issuer,
// which looks like a wrong user pool.
func (m *Manager) logForeignIssuer(err error) {
	if err == nil {
		return
	}
	if refusal, ok := errors.AsType[*tokens.VerifyError](err); ok && refusal.ForeignIssuer != "" {
		m.logForeign.Do(func() {
			m.logger.Error("session: a token of this app client names another issuer: UserPool.ID may be wrong, or the token is forged; its cookies are kept",
				"issuer", fmt.Sprintf("%q", refusal.ForeignIssuer), "configured", m.userPool.IssuerURL())
		})
	}
}

// areTrusted reports whether the keys that signed a session's tokens are still trusted.
// There may be no ID token.
func (m *Manager) areTrusted(access, id *tokens.Token, now time.Time) bool {
	if id == nil {
		return m.verifier.Trusted(now, access)
	}
	return m.verifier.Trusted(now, access, id)
}

// isEnded reports whether the sign-in of a cached session was signed out. It looks once
// after each sign-out of any user.
func (m *Manager) isEnded(c *cachedSession) bool {
	count := m.refresher.SignOutCount()
	if atomic.LoadUint64(&c.signOutCount) == count {
		return false
	}
	if m.refresher.IsEnded(c.session.access) {
		return true
	}
	atomic.StoreUint64(&c.signOutCount, count)
	return false
}

// freshUntil returns when the first of a session's tokens begins to be expiring.
func (m *Manager) freshUntil(s *Session) time.Time {
	until := m.refresher.FreshUntil(s.access)
	if s.id != nil && m.refresher.FreshUntil(s.id).Before(until) {
		until = m.refresher.FreshUntil(s.id)
	}
	return until
}

// store caches a session from cookies that was verified when signOutCount sign-ins had
// been ended, and returns it as requests will share it. It drops it again if a refresh
// that replaces it has begun meanwhile.
func (m *Manager) store(s *Session, refreshToken string, signOutCount uint64) *Session {
	s = m.cache.put(inCookies, s, m.freshUntil(s), signOutCount)
	if m.refresher.IsSuperseded(refreshToken, s.access) {
		m.cache.drop(inCookies, s.access.Raw())
	}
	return s
}

// UserAttributes returns the attributes of the session's user, like Amplify's
// fetchUserAttributes. It asks Cognito each time. The error is [ErrSignedOut] for a
// session without a user and for one that Cognito says is over. Otherwise it is
// tokens.ErrUnavailable, with the *tokens.APIError if Cognito has answered. The access
// token needs the scope aws.cognito.signin.user.admin, which the managed login grants
// if the app client allows it, and Login.Scopes of package middleware is empty or names it.
func (m *Manager) UserAttributes(ctx context.Context, s *Session) (map[string]string, error) {
	if !s.hasUser() {
		return nil, ErrSignedOut
	}
	attributes, err := m.client.UserAttributes(ctx, s.access.Raw())
	if refresh.SignedOut(err) {
		return nil, fmt.Errorf("%w: %w", ErrSignedOut, err)
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return attributes, nil
}
