package session

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/internal/percent"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

var noOptions FetchOptions

// Fetch returns the session that the request's cookies hold, like Amplify's
// fetchAuthSession. A session whose tokens have expired, or will within
// RefreshBefore, is refreshed: the new tokens are verified and written to w. On
// answers to pages, the cookies of a session that is over are deleted.
//
// The errors are [ErrSignedOut], and tokens.ErrUnavailable when it cannot be told
// whether somebody is signed in. All cookies stay as they are then. Every other error
// is a mistake of the caller: a ForceRefresh that cannot be done, or a MaxAge that is too
// short.
//
// Fetch acts on w's header at once: call it before the answer is begun and before
// you set a Cache-Control of your own. A guard of package middleware around the caller
// puts the cookies back if they are lost before the header goes out. With a nil w Fetch
// only reads: it refreshes nothing, and an expired session is ErrSignedOut wrapping
// tokens.Expired. For a prefetch it only reads, too: a browser asks again when the user
// does.
//
// A session that a guard of this Manager has put into the request's context is returned
// as it is while it is valid and not signed out, unless ForceRefresh is set or it is older
// than MaxAge. So is one of this user
// pool and app client that [NewContext] has put there.
func (m *Manager) Fetch(w http.ResponseWriter, r *http.Request, opts *FetchOptions) (*Session, error) {
	if opts == nil {
		opts = &noOptions
	}
	if m.bearer.accepted && w != nil {
		cookie.VaryAuthorization(w.Header())
	}
	s, err := m.fetch(w, r, opts)
	if err != nil {
		return nil, err
	}
	if w != nil {
		cookie.MarkPrivate(w)
	}
	return s, nil
}

func (m *Manager) fetch(w http.ResponseWriter, r *http.Request, opts *FetchOptions) (*Session, error) {
	ctx := r.Context()
	switch {
	case opts.ForceRefresh && w == nil:
		return nil, errForceWithoutWriter
	case opts.MaxAge != 0 && opts.MaxAge < minMaxAge:
		return nil, errMaxAge
	}
	if s := m.FromContext(ctx); s != nil && !opts.ForceRefresh && m.accepts(ctx, s, opts) {
		return s, nil
	}
	if raw, ok := m.bearer.of(r); ok {
		if opts.ForceRefresh {
			return nil, errForceWithBearer
		}
		return m.fetchBearer(ctx, raw, opts)
	}
	var buffer [10]requestCookie // as many as Amplify sets; on the stack
	parsed := m.parseCookies(r.Header, buffer[:0])
	if len(parsed) == 0 && m.takeOver != nil {
		if amplify := m.takeOver.find(w, r); len(amplify) > 0 {
			return m.fetchFromAmplify(ctx, w, r, opts, amplify)
		}
		parsed = m.answeredCookies(w, r)
	}
	if len(parsed) == 0 {
		if m.isAmplify() { // else Amplify's cookies say nothing
			m.warnings.ofOtherAppClients(r.Header)
		}
		return nil, errNoCookies
	}
	if m.takeOver != nil {
		m.takeOver.markPage(w, r)
	}
	if !opts.ForceRefresh {
		s := m.cachedOnly(ctx, parsed)
		m.hooks.cacheAsked(ctx, s != nil)
		if s != nil && !m.refresher.IsOlder(s.access, opts.MaxAge) {
			return s, nil
		}
	}
	cookies := make(requestCookies, len(parsed))
	copy(cookies, parsed)
	return m.fetchUncached(ctx, w, r, opts, cookies, m.layout)
}

// cachedOnly returns the cached session of cookies that leave no choice, or nil.
func (m *Manager) cachedOnly(ctx context.Context, cookies requestCookies) *Session {
	var access, id string
	switch {
	case m.sealed != nil:
		access, id = m.sealed.single(cookies)
	case m.handle != nil:
		access, id = m.handle.single(cookies)
	default:
		return m.cachedSingle(ctx, cookies)
	}
	return m.cached(ctx, inCookies, access, id, "")
}

// cachedSingle returns the cached session of the values that single returns, or nil.
// No token has an escape, so a value that equals a cached token needs no decoding. Only
// other values are searched for escapes.
func (m *Manager) cachedSingle(ctx context.Context, cookies requestCookies) *Session {
	access, id, details := cookies.single()
	if s := m.cached(ctx, inCookies, access, id, details); s != nil {
		return s
	}
	access, _ = percent.Decode(access)
	id, _ = percent.Decode(id)
	if !percent.Valid(details) {
		details = ""
	}
	return m.cached(ctx, inCookies, access, id, details)
}

// fetchUncached verifies the session, and refreshes it if need be. For a prefetch it only
// reads: the user may never see the answer, and asks again otherwise.
func (m *Manager) fetchUncached(ctx context.Context, w http.ResponseWriter, r *http.Request, opts *FetchOptions, cookies requestCookies, l layout) (*Session, error) {
	if page.IsPrefetch(r) {
		if opts.ForceRefresh {
			return nil, signedOutBecause(errPrefetch)
		}
		w = nil
	}
	// One deadline for the request, whether the keys hang, or Cognito, or both.
	limited := newDeadlineContext(ctx, refresh.Timeout)
	defer limited.stop()
	ctx = limited
	m.refresher.HearSignOuts(ctx, m.now())
	signOutCount := m.refresher.SignOutCount()
	found, err := l.users(ctx, cookies)
	if err != nil {
		return nil, storeUnavailable(err)
	}
	// A takeover has asked for more than MayClear does.
	users, a := found.users, answer{w: w, r: r, cookies: cookies, page: w != nil && (l != m.layout || page.MayClear(r))}
	if a.page {
		l.clearStale(a, found.stale)
	}
	switch {
	case len(users) == 0 && !found.all:
		return nil, unavailable(errNotAllChecked)
	case len(users) == 0:
		return nil, signedOutBecause(found.noneErr)
	case users[0].over != nil:
		if a.page {
			l.clear(a, users)
		}
		return nil, signedOutBecause(users[0].over)
	}
	if c := users[0].content; c != nil && !opts.ForceRefresh { // there is no choice, whatever else the cookies hold
		if s := m.cached(ctx, inCookies, c.Access, c.ID, ""); s != nil && !m.refresher.IsOlder(s.access, opts.MaxAge) {
			return s, nil
		}
	}
	v := m.verifyUsers(ctx, users, found.all)
	l.warnOfDuplicates(cookies, users)
	if !v.isCertain() {
		return nil, unavailable(errNotAllChecked)
	}
	notFresh := v.state == stateValid && m.refresher.IsOlder(v.access, opts.MaxAge)
	if v.state == stateValid {
		m.noteValid(v.userResult)
		m.warnings.ofSession(r.Header, cookies, v.access, v.id)
		if !notFresh && (w == nil || found.fixedErr != nil && !opts.ForceRefresh || !m.wantsRefresh(v.userResult, opts, r)) {
			return m.sessionOf(v.userResult, signOutCount), nil
		}
	}
	if found.fixedErr != nil {
		return nil, storeUnavailable(found.fixedErr)
	}
	if w == nil {
		if notFresh {
			return nil, notFreshBecause(nil)
		}
		if v.undecidedErr != nil {
			return nil, unavailable(v.undecidedErr)
		}
		return nil, signedOutBecause(v.err)
	}
	f := refreshFlow{m: m, answer: a, layout: l, users: users, v: v, signOutCount: signOutCount, opts: opts, notFresh: notFresh}
	switch v.state {
	case stateNone:
		return nil, signedOutBecause(nil)
	case stateRefused:
		return nil, f.reportSignedOut(v.err, !v.keepsForeign())
	case stateUndecided:
		return nil, unavailable(v.undecidedErr)
	}
	return f.run(ctx)
}

// fetchFromAmplify fetches a session from Amplify's cookies, and refreshes it there if need
// be. If it can it takes the session over. Otherwise the next page tries again.
func (m *Manager) fetchFromAmplify(ctx context.Context, w http.ResponseWriter, r *http.Request, opts *FetchOptions, cookies requestCookies) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, refresh.Timeout)
	defer cancel()
	subject, err := m.takeOver.check(ctx, cookies, m.verifyToken)
	if err != nil {
		return nil, err
	}
	l := m.takeOver.layoutFor(cookies, subject)
	s, err := m.fetchUncached(ctx, w, r, opts, cookies, l)
	switch {
	case errors.Is(err, refresh.ErrTooMany), errors.Is(err, errNotAllTried): // by an attacker with a session of his own
		return nil, notTakenOver("it was refreshed too often")
	case err != nil:
		return nil, err
	case !m.takeOver.isOf(s.access, subject): // the refresh token is of another sign-in
		return nil, notTakenOver("the refreshed tokens are of another sign-in")
	case w == nil, page.IsPrefetch(r), !m.takeOver.isComplete(s, cookies):
		return s, nil
	}
	err = m.layout.writeTakenOver(answer{w: w, r: r}, s, takenOver(s, strings.Clone(l.refreshToken)), func() bool { return m.refresher.IsEnded(s.access) })
	switch {
	case errors.Is(err, ErrSignedOut):
		return nil, err
	case err == nil:
		m.takeOver.deleteAmplify(w, r, cookies)
		m.takeOver.mark(w, r)
	}
	return s, nil
}

// noteValid notes that the browser has a valid session.
func (m *Manager) noteValid(r *userResult) {
	m.refresher.NoteDelivered(r.access.Raw())
	if len(r.user.access) == 1 && len(r.user.refresh) == 1 {
		m.notes.noteBeside(r.access.Raw(), r.user.refresh[0], m.now())
	}
}

// accepts reports whether a session in a context is what the caller wants, and still
// stands: a request may be long, and its handler may sign out.
func (m *Manager) accepts(ctx context.Context, s *Session, opts *FetchOptions) bool {
	now := m.now()
	m.refresher.HearSignOuts(ctx, now)
	return (s.hasUser() || opts.AllowMachine) && now.Before(s.ExpiresAt()) && !m.refresher.IsEnded(s.access) && m.areTrusted(s.access, s.id, now) &&
		!m.refresher.IsOlder(s.access, opts.MaxAge)
}

// sessionOf returns the session of a valid result. It is cached if nothing is wrong with
// it, for the next request with the same cookies.
func (m *Manager) sessionOf(r *userResult, signOutCount uint64) *Session {
	s := r.session()
	if r.idState == idFine && (r.id != nil || len(r.user.id) == 0) {
		token := ""
		if len(r.user.refresh) > 0 {
			token = m.refreshOrder(r)[0]
		}
		return m.store(s, token, signOutCount)
	}
	return s
}

// wantsRefresh reports whether a valid session should be refreshed all the same. It waits
// for the next request if the answer to this one, an upgrade, may carry no cookies.
func (m *Manager) wantsRefresh(result *userResult, opts *FetchOptions, r *http.Request) bool {
	if opts.ForceRefresh {
		return true
	}
	if len(result.user.refresh) == 0 || page.IsUpgrade(r) {
		return false
	}
	token, now := m.refreshOrder(result)[0], m.now()
	switch {
	case m.refresher.HasNewerResult(token, result.access):
		return true
	case m.refresher.IsDue(result.access, token, now), result.id != nil && m.refresher.IsDue(result.id, token, now), result.idState == idExpired:
		return !m.refresher.IsPaused(token, result.access.Subject())
	}
	return result.idState == idBroken && m.refresher.AllowRepair(result.access)
}

// HasBearerToken reports whether Fetch judges the request by a bearer token, good or bad,
// and not by its cookies. It is false without Config.Bearer.
func (m *Manager) HasBearerToken(r *http.Request) bool {
	_, ok := m.bearer.of(r)
	return ok
}

// fetchBearer verifies a bearer token, which alone decides: no cookie is read or written,
// and nothing is refreshed.
func (m *Manager) fetchBearer(ctx context.Context, raw string, opts *FetchOptions) (*Session, error) {
	s, err := m.verifyBearer(ctx, raw)
	if err == nil && !s.hasUser() && !opts.AllowMachine {
		return nil, signedOutBecause(errNoUser)
	}
	if err == nil && m.refresher.IsOlder(s.access, opts.MaxAge) {
		return nil, notFreshBecause(nil)
	}
	return s, err
}

func (m *Manager) verifyBearer(ctx context.Context, raw string) (*Session, error) {
	s := m.cached(ctx, asBearer, raw, "", "")
	m.hooks.cacheAsked(ctx, s != nil)
	if s != nil {
		return s, nil
	}
	m.refresher.HearSignOuts(ctx, m.now())
	signOutCount := m.refresher.SignOutCount()
	token, err := m.verifyBearerToken(ctx, strings.Clone(raw))
	switch {
	case err == nil && m.refresher.IsEnded(token):
		return nil, signedOutBecause(refresh.ErrEnded)
	case err == nil:
		s := newSession(token, nil, "")
		return m.cache.put(asBearer, s, m.freshUntil(s), signOutCount), nil
	case errors.Is(err, tokens.ErrUnavailable), errors.Is(err, tokens.NotYetValid):
		return nil, unavailable(err)
	}
	return nil, signedOutBecause(err)
}
