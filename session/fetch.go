package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/tokens"
)

// ErrSignedOut reports that nobody is signed in: there are no cookies, or the
// session they hold is over. It says so for certain; a session that could not be
// judged is tokens.ErrUnavailable. The reason of a refused token is in the chain:
// errors.Is(err, tokens.Expired).
var ErrSignedOut = errors.New("session: nobody is signed in")

// FetchOptions change how a session is fetched. nil means the zero value.
type FetchOptions struct {
	// ForceRefresh refreshes the tokens even if they are valid, to see changed
	// groups or attributes. It needs a refresh token.
	ForceRefresh bool
	// ClientMetadata is handed to the pool's Lambda triggers by a refresh.
	ClientMetadata map[string]string
}

var noOptions FetchOptions

// Fetch returns the session that the request's cookies hold, like Amplify's
// fetchAuthSession. A session whose tokens have expired, or will within
// RefreshBefore, is refreshed: the new tokens are verified and written to w. A
// session that is over is cleared, on answers to pages.
//
// The errors are [ErrSignedOut], and tokens.ErrUnavailable when it cannot be told
// whether somebody is signed in; then all cookies stay as they are.
//
// Fetch acts on w's header at once: call it before the answer is begun and before
// you set a Cache-Control of your own. With a nil w it only reads: it refreshes
// nothing, and an expired session is ErrSignedOut wrapping tokens.Expired.
//
// A session of this pool and app client that a guard has put into the request's
// context is returned as it is, unless ForceRefresh is set.
func (m *Manager) Fetch(w http.ResponseWriter, r *http.Request, opts *FetchOptions) (*Session, error) {
	if opts == nil {
		opts = &noOptions
	}
	s, err := m.fetch(w, r, opts)
	if err != nil {
		return nil, err
	}
	if w != nil {
		noStore(w.Header())
	}
	return s, nil
}

func (m *Manager) fetch(w http.ResponseWriter, r *http.Request, opts *FetchOptions) (*Session, error) {
	ctx := r.Context()
	if s, ok := FromContext(ctx); ok && m.owns(s) && !opts.ForceRefresh {
		return s, nil
	}
	if m.bearer {
		if raw, ok := bearer(r.Header); ok {
			return m.fetchBearer(ctx, raw)
		}
	}
	if !opts.ForceRefresh {
		if s := m.cached(m.glance(r.Header)); s != nil {
			return s, nil
		}
	}
	j := m.read(r.Header)
	if len(j.pairs) == 0 {
		return nil, errNoCookies
	}
	if !opts.ForceRefresh {
		if s := m.cached(j.only()); s != nil {
			return s, nil // among cookies of other users, or in another spelling
		}
	}
	// Whatever hangs, the keys, Cognito or both: a request has one deadline.
	ctx, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	ends := m.refresher.ends.Load()
	v := m.judge(ctx, j)
	m.warnTwins(j)
	if v.state == stateValid {
		m.refresher.saw(v.access.Raw())
		if w == nil || !m.wantsRefresh(&v.finding, opts, r) {
			return m.keep(&v.finding, ends), nil
		}
	}
	if w == nil {
		if v.doubt != nil {
			return nil, unavailable(v.doubt)
		}
		return nil, signedOutBecause(v.err)
	}
	a := attempt{m: m, w: w, r: r, j: j, v: &v, ends: ends, opts: opts, page: page.Is(r)}
	switch v.state {
	case stateNone:
		return nil, signedOutBecause(nil)
	case stateRefused:
		return nil, a.over(v.err, !v.unjudged)
	case stateDoubt:
		return nil, unavailable(v.doubt)
	}
	return a.refresh(ctx)
}

var (
	errNoCookies      = fmt.Errorf("%w: no cookies", ErrSignedOut)
	errNoAccessToken  = errors.New("no access token")
	errNoRefreshToken = errors.New("no refresh token")
	errOtherUser      = errors.New("the refreshed tokens are another user's")
)

// signedOutBecause is ErrSignedOut with its reason.
func signedOutBecause(err error) error {
	if err == nil {
		err = errNoAccessToken
	}
	return fmt.Errorf("%w: %w", ErrSignedOut, err)
}

// owns reports whether a session in a context counts for this pool and client.
// Two pools, or two clients of one pool, in one program are nothing to each other.
// A long request may outlive its session, which is then no session any more.
func (m *Manager) owns(s *Session) bool {
	return s.access != nil && s.access.ClientID() == m.pool.ClientID && m.issuers[s.access.Issuer()] &&
		m.now().Before(s.access.ExpiresAt())
}

func (f *finding) session() *Session {
	return newSession(f.access, f.id, f.user.signInDetails())
}

// cached returns the session of exactly these texts if it has been verified before,
// is not about to expire or signed out, and was signed with keys that are still trusted.
func (m *Manager) cached(access, id, details string) *Session {
	if access == "" {
		return nil
	}
	e := m.cache.get(access, id, details)
	if e == nil {
		return nil
	}
	s, now := e.session, m.now()
	if !m.refresher.goesOn(e) || m.expiring(s.access, now) || !m.verifier.Trusted(s.access) ||
		s.id != nil && (m.expiring(s.id, now) || !m.verifier.Trusted(s.id)) {
		m.cache.drop(access)
		return nil
	}
	m.refresher.saw(access)
	return s
}

// keep is the session of a finding that nothing is wrong with, kept for the next
// request with the same cookies.
func (m *Manager) keep(f *finding, ends uint64) *Session {
	s := f.session()
	if f.idFault == idFine && (f.id != nil || len(f.user.id) == 0) {
		token := ""
		if len(f.user.refresh) > 0 {
			token = f.refreshToken()
		}
		m.store(s, token, f.user.device(), ends)
	}
	return s
}

// store caches a session, unless a refresh replaces it: that may have begun meanwhile,
// and have looked into the cache already.
func (m *Manager) store(s *Session, token, device string, ends uint64) {
	m.cache.put(s, ends)
	if m.refresher.outdated(token, device, s.access) {
		m.cache.drop(s.access.Raw())
	}
}

// wantsRefresh reports whether a valid session should be refreshed all the same.
// The answer to an upgrade (WebSocket) may not carry cookies, so a session that is
// still good is left to the next request.
func (m *Manager) wantsRefresh(f *finding, opts *FetchOptions, r *http.Request) bool {
	if opts.ForceRefresh {
		return true
	}
	if len(f.user.refresh) == 0 || page.IsUpgrade(r) {
		return false
	}
	now, token := m.now(), f.refreshToken()
	if m.refresher.keeps(token, f.user.device(), f.access) {
		return true
	}
	if old := m.expiring(f.access, now) || f.id != nil && m.expiring(f.id, now) || f.idFault == idExpired; old {
		return !m.refresher.resting(token, f.access.Subject())
	}
	return f.idFault == idBroken && m.refresher.mayRepair(token)
}

// expiring reports whether a token expires within RefreshBefore.
func (m *Manager) expiring(t *tokens.Token, now time.Time) bool {
	return now.Add(m.refreshBefore).After(t.ExpiresAt())
}

// unavailable makes every doubt tokens.ErrUnavailable.
func unavailable(err error) error {
	if errors.Is(err, tokens.ErrUnavailable) {
		return fmt.Errorf("session: %w", err)
	}
	return fmt.Errorf("session: %w: %w", tokens.ErrUnavailable, err)
}

// bearer returns the token of "Authorization: Bearer" (RFC 6750 §2.1). Another
// scheme is nobody's business here. A second Authorization line (RFC 9110 allows
// one) makes it a token that nobody can have: a proxy may have looked at the other.
func bearer(h http.Header) (token string, ok bool) {
	lines := h["Authorization"]
	for _, line := range lines {
		scheme, rest, _ := strings.Cut(line, " ")
		if strings.EqualFold(scheme, "Bearer") {
			if len(lines) > 1 {
				return "", true
			}
			return strings.Trim(rest, " "), true
		}
	}
	return "", false
}

// fetchBearer judges a bearer token, which alone decides: no cookie is read or
// written and nothing is refreshed.
func (m *Manager) fetchBearer(ctx context.Context, raw string) (*Session, error) {
	if s := m.cached(raw, "", ""); s != nil {
		return s, nil
	}
	ends := m.refresher.ends.Load()
	token, err := m.verifier.Verify(ctx, strings.Clone(raw), tokens.Access)
	switch {
	case err == nil && m.refresher.isOver(token):
		return nil, signedOutBecause(errEnded)
	case err == nil:
		s := newSession(token, nil, "")
		m.cache.put(s, ends)
		return s, nil
	case errors.Is(err, tokens.ErrUnavailable), errors.Is(err, tokens.NotYetValid):
		return nil, unavailable(err)
	}
	return nil, signedOutBecause(err)
}
