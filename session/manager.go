package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/tokens"
)

// Manager reads, refreshes and writes the sessions of one user pool and app
// client. It may be used by many goroutines at once.
type Manager struct {
	pool          tokens.UserPool
	issuers       map[string]bool
	prefix        string // of our app client's cookie names
	client        *tokens.Client
	verifier      *tokens.Verifier
	cookies       Cookies
	refreshBefore time.Duration
	bearer        bool
	now           func() time.Time
	log           *slog.Logger
	hooks         Hooks
	refresher     *refresher
	cache         *cache
	warn          struct{ tooLarge, twins, clock, answer, deployment rate.Sometimes }
}

// NewManager returns a Manager, or everything that is wrong with cfg, joined; each
// line begins with the field's name. It makes no request.
func NewManager(cfg Config) (*Manager, error) {
	var errs []error
	if err := cfg.UserPool.Validate(); err != nil {
		for line := range strings.Lines(err.Error()) {
			errs = append(errs, errors.New("UserPool."+strings.TrimSuffix(line, "\n")))
		}
	}
	errs = append(errs, cfg.Cookies.faults()...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	m := &Manager{
		pool:          cfg.UserPool,
		issuers:       make(map[string]bool),
		prefix:        cookie.Prefix(cfg.UserPool.ClientID),
		client:        cfg.Client,
		verifier:      cfg.Verifier,
		cookies:       cfg.Cookies.withDefaults(),
		refreshBefore: cfg.RefreshBefore,
		bearer:        cfg.Bearer,
		now:           cfg.Now,
		log:           cfg.Logger,
		hooks:         cfg.Hooks,
	}
	for _, issuer := range cfg.UserPool.IssuerURLs() {
		m.issuers[issuer] = true
	}
	if m.refreshBefore == 0 {
		m.refreshBefore = defaultRefreshBefore
	}
	m.refreshBefore = max(m.refreshBefore, 0)
	if m.now == nil {
		m.now = time.Now
	}
	if m.log == nil {
		m.log = slog.Default()
	}
	for _, s := range []*rate.Sometimes{&m.warn.tooLarge, &m.warn.twins, &m.warn.clock, &m.warn.answer, &m.warn.deployment} {
		s.Interval = time.Minute
	}
	opts := &tokens.Options{HTTPClient: cfg.HTTPClient, Now: m.now}
	var err error
	if m.verifier == nil {
		if m.verifier, err = tokens.NewVerifier(cfg.UserPool, opts); err != nil {
			return nil, err
		}
	}
	if m.client == nil {
		if m.client, err = tokens.NewClient(cfg.UserPool, opts); err != nil {
			return nil, err
		}
	}
	m.refresher = newRefresher(m)
	m.cache = newCache(cfg.CacheBytes)
	return m, nil
}

// warnTwins says once a minute that a cookie comes twice: the browser holds it
// with and without a Domain, and one of them is never renewed.
func (m *Manager) warnTwins(j *jar) {
	if twins(j) && j.repeats() {
		m.warn.twins.Do(func() {
			m.log.Warn("session: a cookie comes twice: Cookies.Domain must equal the domain given to Amplify's CookieStorage")
		})
	}
}

func twins(j *jar) bool {
	return len(j.users) > 1 || len(j.users) == 1 && (len(j.users[0].access) > 1 || len(j.users[0].refresh) > 1)
}

// UserAttributes returns the attributes of the session's user, like Amplify's
// fetchUserAttributes. It asks Cognito each time. The error is [ErrSignedOut] for
// a nil session and for one that Cognito says is over, else tokens.ErrUnavailable,
// with the *tokens.APIError if Cognito has answered. The access token needs the
// scope aws.cognito.signin.user.admin, which a sign-in through the managed login
// has only if the app client asks for it.
func (m *Manager) UserAttributes(ctx context.Context, s *Session) (map[string]string, error) {
	if s.AccessToken() == nil {
		return nil, ErrSignedOut
	}
	attributes, err := m.client.UserAttributes(ctx, s.access.Raw())
	if signedOut(err) {
		return nil, fmt.Errorf("%w: %w", ErrSignedOut, err)
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return attributes, nil
}
