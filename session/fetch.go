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
		opts = new(FetchOptions)
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
	if raw, ok := bearer(r); ok && m.bearer {
		return m.fetchBearer(ctx, raw)
	}
	j := m.read(r.Header)
	f := m.judge(ctx, j)
	if f.state == stateValid {
		m.warnTwins(j, &f)
		if !m.wantsRefresh(&f, opts, page.IsUpgrade(r)) || w == nil {
			return newSession(f.access, f.id, f.user.signInDetails()), nil
		}
	}
	a := attempt{m: m, w: w, r: r, j: j, f: &f, opts: opts, page: page.Is(r)}
	switch f.state {
	case stateNone:
		return nil, a.over(f.err, f.refused)
	case stateRefused:
		return nil, a.over(f.err, true)
	case stateDoubt:
		return nil, unavailable(f.err)
	}
	if w == nil {
		return nil, fmt.Errorf("%w: %w", ErrSignedOut, orMissing(f.err))
	}
	return a.refresh(ctx)
}

var errNoAccessToken = errors.New("no access token")

func orMissing(err error) error {
	if err == nil {
		return errNoAccessToken
	}
	return err
}

// owns reports whether a session in a context counts for this pool and client.
// Two pools, or two clients of one pool, in one program are nothing to each other.
func (m *Manager) owns(s *Session) bool {
	return s.access != nil && s.access.ClientID == m.pool.ClientID && m.issuers[s.access.Issuer]
}

// wantsRefresh reports whether a valid session should be refreshed all the same.
// The answer to an upgrade (WebSocket) may not carry cookies, so a session that is
// still good is left to the next request.
func (m *Manager) wantsRefresh(f *finding, opts *FetchOptions, upgrade bool) bool {
	if opts.ForceRefresh {
		return true
	}
	if upgrade {
		return false
	}
	now := m.now()
	return m.expiring(f.access, now) ||
		f.id != nil && m.expiring(f.id, now) ||
		f.idFault == idExpired ||
		f.idFault == idBroken && len(f.user.refresh) > 0 && m.refresher.mayRepair(f.user.refresh[0])
}

// expiring reports whether a token expires within RefreshBefore.
func (m *Manager) expiring(t *tokens.Token, now time.Time) bool {
	return now.Add(m.refreshBefore).After(t.ExpiresAt)
}

// attempt is one request's try to get a session by a refresh.
type attempt struct {
	m    *Manager
	w    http.ResponseWriter
	r    *http.Request
	j    *jar
	f    *finding
	opts *FetchOptions
	page bool
}

func (a *attempt) refresh(ctx context.Context) (*Session, error) {
	try := a.f.user.refreshTokens(a.f.position)
	if len(try) == 0 {
		return a.fallBack(orMissing(a.f.err), a.f.state == stateExpired)
	}
	var presented string
	if len(a.f.user.access) > 0 {
		presented = a.f.user.access[a.f.position]
	}
	var got *refreshed
	var err error
	for _, token := range try {
		got, err = a.m.refresher.do(ctx, refreshRequest{
			token: token, device: a.f.user.device(), presented: presented,
			verified: a.f.verified, subject: a.f.subject,
			force: a.opts.ForceRefresh, metadata: a.opts.ClientMetadata,
		})
		if !dead(err) {
			break
		}
	}
	switch {
	case err == nil && a.f.subject != "" && got.access.Subject != a.f.subject:
		// Somebody else's refresh token stands among this user's cookies (W4).
		return a.fallBack(errors.New("the refreshed tokens are another user's"), true)
	case err == nil:
		a.writeBack(got)
		return newSession(got.access, got.id, a.f.user.signInDetails()), nil
	case signedOut(err):
		return nil, a.over(err, true)
	case dead(err):
		// Rotation has replaced the token: another holder of this session has newer
		// ones, and deleting cookies might delete those.
		return a.fallBack(err, false)
	}
	return a.fallBackUnavailable(err)
}

// fallBack serves an access token that is still valid, and otherwise reports that
// the session is over.
func (a *attempt) fallBack(err error, clear bool) (*Session, error) {
	if a.f.state == stateValid && !a.opts.ForceRefresh {
		return a.stillValid(), nil
	}
	return nil, a.over(err, clear && a.f.state != stateValid)
}

func (a *attempt) fallBackUnavailable(err error) (*Session, error) {
	if a.f.state == stateValid && !a.opts.ForceRefresh {
		return a.stillValid(), nil
	}
	return nil, unavailable(err)
}

func (a *attempt) stillValid() *Session {
	return newSession(a.f.access, a.f.id, a.f.user.signInDetails())
}

// over reports that nobody is signed in, and clears the cookies if that is for
// good. A script's answer deletes nothing: it may be read late, when the browser
// has signed in anew (W39); the next page clears what is still dead.
func (a *attempt) over(err error, clear bool) error {
	if clear && a.w != nil && a.page {
		w := a.m.writer(a.w, a.j)
		for i := range a.j.users {
			a.m.clear(w, a.j.users[i].user)
		}
	}
	return fmt.Errorf("%w: %w", ErrSignedOut, orMissing(err))
}

// writeBack writes refreshed tokens in the order in which Amplify does. A script's
// answer writes only cookies that carry the user's name: LastAuthUser may belong
// to somebody else by the time it arrives (W39). clockDrift describes the
// browser's clock and is left alone (W40).
func (a *attempt) writeBack(got *refreshed) {
	w := a.m.writer(a.w, a.j)
	user := a.f.user.user
	if a.page || !a.j.has("", lastAuthUser, 1) {
		w.set("", lastAuthUser, user)
	}
	w.set(user, slotAccess, got.access.Raw())
	if got.id != nil {
		w.set(user, slotID, got.id.Raw())
	} else if a.page {
		w.remove(user, slotID, false)
	}
	w.set(user, slotRefresh, got.refresh)
	if d := a.f.user.signInDetails(); d != "" && !a.m.cookies.HTTPOnly {
		w.set(user, slotDetails, d)
	}
	if a.page {
		for _, slot := range []string{slotAccess, slotID, slotRefresh} {
			w.respell(user, slot)
		}
	}
}

// unavailable makes every doubt tokens.ErrUnavailable.
func unavailable(err error) error {
	if errors.Is(err, tokens.ErrUnavailable) {
		return fmt.Errorf("session: %w", err)
	}
	return fmt.Errorf("session: %w: %w", tokens.ErrUnavailable, err)
}

// bearer returns the token of "Authorization: Bearer" (RFC 6750 §2.1). Another
// scheme is nobody's business here.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.Trim(token, " "), true
}

// fetchBearer judges a bearer token, which alone decides: no cookie is read or
// written and nothing is refreshed.
func (m *Manager) fetchBearer(ctx context.Context, raw string) (*Session, error) {
	token, err := m.verifier.Verify(ctx, raw, tokens.Access)
	switch {
	case err == nil:
		return newSession(token, nil, ""), nil
	case errors.Is(err, tokens.ErrUnavailable), errors.Is(err, tokens.NotYetValid):
		return nil, unavailable(err)
	}
	return nil, fmt.Errorf("%w: %w", ErrSignedOut, err)
}
