package session

import (
	"context"
	"errors"
	"slices"

	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// maxTries bounds the refresh tokens that Cognito is asked about for one request.
const maxTries = 2

// refreshFlow is one request's attempt to get a session by a refresh.
type refreshFlow struct {
	m *Manager
	answer
	layout       layout
	users        []userCookies
	v            *verification
	signOutCount uint64 // before the verification
	opts         *FetchOptions
	notFresh     bool // the access token is valid, and older than MaxAge

	choices      int   // refresh tokens, each with each device; if several, some may be planted
	tries        int   // refresh tokens that Cognito was asked about
	notAllTried  bool  // a bound was reached
	refused      bool  // Cognito says that the session of a refresh token is over
	otherUsers   bool  // a refresh token is another user's
	keepCookies  bool  // something may still be a session
	undecidedErr error // why something could not be told
	callFailed   bool  // a call was made and failed
	lastErr      error // why the last refresh token brought nothing
	other        *refreshed
}

// refreshed are tokens of a user who may be another one than the cookies' name says.
type refreshed struct {
	result *userResult
	got    *refresh.Tokens
}

// run refreshes the best session. Without a valid access token it goes on with those of
// the other users that LastAuthUser names, first those whose tokens fit their name. The
// rest come only when all of these are certainly signed out.
func (f *refreshFlow) run(ctx context.Context) (*Session, error) {
	f.keepCookies, f.undecidedErr = f.v.notAllChecked || f.v.keepsForeign(), f.v.undecidedErr
	if f.v.state == stateValid {
		if s := f.refreshUsers(ctx, []*userResult{f.v.userResult}); s != nil {
			return s, nil
		}
		return f.serveUnrefreshed()
	}
	for _, other := range f.v.users {
		if other != f.v.userResult {
			f.m.verifyID(ctx, other, &f.v.checks)
		}
	}
	fitting, rest := f.v.users, []*userResult(nil)
	if i := slices.IndexFunc(f.v.users, func(r *userResult) bool { return !r.fits() }); f.v.fits() && i > 0 {
		fitting, rest = f.v.users[:i], f.v.users[i:]
	}
	for _, users := range [][]*userResult{fitting, rest} {
		if s := f.refreshUsers(ctx, users); s != nil {
			return s, nil
		}
		switch {
		case f.undecidedErr != nil:
			return nil, unavailable(f.undecidedErr)
		case f.notAllTried:
			return nil, unavailable(errNotAllTried)
		case f.v.notAllChecked:
			return nil, unavailable(errNotAllChecked)
		case len(rest) > 0 && rest[0].state == stateValid && !f.opts.ForceRefresh && !f.m.refresher.IsOlder(rest[0].access, f.opts.MaxAge):
			return rest[0].session(), nil
		}
	}
	if f.lastErr == nil {
		f.lastErr = f.v.err
	}
	return nil, f.reportSignedOut(f.lastErr, !f.keepCookies && (f.refused || !f.otherUsers))
}

// refreshUsers returns the session that one of the users' refresh tokens brings: one of
// each user is tried before another of one, and those last that were tried in vain. If none
// brings a session, it notes what is known of them and returns nil.
func (f *refreshFlow) refreshUsers(ctx context.Context, users []*userResult) *Session {
	type attempt struct {
		result *userResult
		token  string
		device refresh.Device
	}
	orders := make([][]attempt, len(users))
	rounds := 0
	for i, result := range users {
		order := f.m.refreshOrder(result)
		switch {
		case result.state == stateNone, result.state == stateRefused, result.state == stateUndecided:
			continue
		case result.state == stateUnknown && len(order) == 0:
			f.keepCookies = true // its key may become known
		}
		devices, all := result.devices()
		f.keepCookies = f.keepCookies || !all
		for k, device := range devices {
			for _, token := range order {
				if t := f.m.besideOf(result, token); t == nil {
					orders[i] = append(orders[i], attempt{result, token, device})
				} else if k == 0 {
					orders[i] = append(orders[i], attempt{result, token, result.user.deviceOf(t)})
				}
			}
		}
		rounds = max(rounds, len(orders[i]))
		f.choices += len(orders[i])
	}
	var first, last []attempt
	for round := range rounds {
		for _, order := range orders {
			if round >= len(order) {
				continue
			}
			next := order[round]
			if _, tried := f.m.notes.wasTried(next.token, next.device, f.m.now()); tried && f.choices > 1 {
				last = append(last, next)
			} else {
				first = append(first, next)
			}
		}
	}
	for _, next := range append(first, last...) {
		if got := f.tryNext(ctx, next.result, next.token, next.device); got != nil {
			return f.write(next.result, got)
		}
	}
	if f.other != nil && !f.notAllTried && f.undecidedErr == nil {
		return f.write(f.other.result, f.other.got)
	}
	return nil
}

// write writes refreshed tokens to the answer and returns their session.
func (f *refreshFlow) write(result *userResult, got *refresh.Tokens) *Session {
	f.m.notes.noteBeside(got.Access.Raw(), got.Refresh, f.m.now())
	f.layout.writeRefreshed(f.answer, result.user, got, func() bool {
		return f.m.refresher.IsEnded(got.Access) || f.m.refresher.IsTokenEnded(got.Refresh)
	})
	s := newSession(got.Access, got.ID, result.user.signInDetails())
	return f.m.store(s, got.Refresh, f.signOutCount) // the browser's next request shows it
}

// tryNext tries one refresh token and notes what its error means.
func (f *refreshFlow) tryNext(ctx context.Context, result *userResult, token string, device refresh.Device) *refresh.Tokens {
	got, err := f.try(ctx, result, token, device)
	switch {
	case got != nil:
		return got
	case errors.Is(err, errNotAllTried):
		f.keepCookies, f.notAllTried = true, true
		return nil
	case errors.Is(err, errOtherUser):
		// Another user's refresh token stands among this user's cookies. It says nothing
		// about this user. The new tokens stay in memory.
		f.otherUsers = true
	case refresh.SignedOut(err):
		f.refused = true
	case errors.Is(err, refresh.ErrEnded):
		f.keepCookies = true // the sign-out has cleared what there was
	case refresh.Refused(err):
		// Rotation has replaced the token. The browser may have newer cookies by
		// now, and a deletion might delete those.
		f.keepCookies = true
	case errors.Is(err, refresh.ErrUserRefused):
		f.keepCookies, f.callFailed = true, true // the refusal may be lifted
	case errors.Is(err, refresh.ErrTooMany), errors.Is(err, errPaused):
		f.undecidedErr = err
	default:
		f.undecidedErr, f.callFailed = err, true
		f.m.notes.noteTried(token, "", f.m.now())
		if !isAboutToken(err) {
			f.tries = maxTries
		}
	}
	f.lastErr = err
	return nil
}

// isAboutToken reports whether a failed refresh may be the fault of its parameters, so
// that another refresh token may do.
func isAboutToken(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && api.Code != "" && api.Status < 500 && !api.Throttled()
}

// try exchanges one refresh token. Only tokens that Cognito is asked about count as
// tries. Otherwise two planted ones would hide the user's own for ever.
func (f *refreshFlow) try(ctx context.Context, result *userResult, token string, device refresh.Device) (*refresh.Tokens, error) {
	now := f.m.now()
	if err := f.m.refresher.Refusal(token, device); err != nil {
		return nil, err
	}
	if err := f.m.notes.refusal(token, device, now); err != nil && f.choices > 1 {
		f.keepCookies = true // it was a while ago
		return nil, err
	}
	if f.m.isOtherUsers(result, token) {
		return nil, errOtherUser
	}
	req := refresh.Request{
		RefreshToken: token, Device: device, Upgrade: page.IsUpgrade(f.r),
		Evidence: f.m.evidence(f.r, result, token),
		Force:    f.opts.ForceRefresh, MaxAge: f.opts.MaxAge, Metadata: f.opts.ClientMetadata,
	}
	if result.position >= 0 && result.position < len(result.user.access) {
		req.Presented = result.user.access[result.position]
	}
	if !f.m.refresher.Remembers(&req) {
		if f.notFresh && !f.opts.ForceRefresh && f.m.refresher.IsPaused(f.m.refreshOrder(f.v.userResult)[0], f.v.subject) {
			return nil, errPaused // otherwise each request in an outage would wait for Cognito
		}
		if f.tries >= maxTries {
			return nil, errNotAllTried
		}
		f.tries++
	}
	got, err := f.m.refresher.Refresh(ctx, req)
	switch {
	case err != nil:
		if f.choices > 1 && refresh.Refused(err) {
			f.m.notes.noteRefusal(token, device, err, now)
		}
		return nil, err
	case result.subject != "" && got.Access.Subject() != result.subject && !(result.rank == rankOther && fitsName(got, result.user.user)):
		f.m.notes.noteTried(token, got.Access.Subject(), now)
		return nil, errOtherUser
	case f.m.refresher.IsEnded(got.Access) || f.m.refresher.IsTextEnded(token): // signed out, but Cognito could not revoke it
		return nil, refresh.ErrEnded
	case result.subject == "" && len(result.user.refresh) > 1 && !fitsName(got, result.user.user):
		if f.other == nil {
			f.other = &refreshed{result, got}
		}
		return nil, errOtherUser // unless no other fits
	}
	return got, nil
}

// fitsName reports whether refreshed tokens fit the user's name in the cookies.
func fitsName(got *refresh.Tokens, user string) bool {
	return rankOf(got.Access.Username(), user) < rankOther || got.ID != nil && isAlias(got.ID, user)
}

// serveUnrefreshed ends a refresh that has failed while the access token is still valid.
// The session goes on, unless Cognito says that it is over, the refresh was forced, or the
// token is too old for the caller.
func (f *refreshFlow) serveUnrefreshed() (*Session, error) {
	if f.notAllTried && f.undecidedErr == nil {
		f.undecidedErr = errNotAllTried
	}
	if f.callFailed && !f.opts.ForceRefresh {
		f.m.refresher.Pause(f.m.refreshOrder(f.v.userResult)[0], f.v.subject)
	}
	switch {
	case f.undecidedErr != nil && (f.opts.ForceRefresh || f.notFresh):
		return nil, unavailable(f.undecidedErr)
	case f.undecidedErr == nil && f.refused && !f.keepCookies && !f.otherUsers:
		return nil, f.reportSignedOut(f.lastErr, true)
	case !f.opts.ForceRefresh && !f.notFresh:
		return f.v.session(), nil
	case f.lastErr == nil:
		f.lastErr = errNoRefreshToken
	}
	if !f.opts.ForceRefresh {
		return nil, notFreshBecause(f.lastErr)
	}
	return nil, f.reportSignedOut(f.lastErr, false)
}

// reportSignedOut reports that nobody is signed in. It clears the cookies if clear is set and
// the answer is a page. A script's answer deletes nothing: it may arrive when the browser
// has signed in anew. The next page clears what is still refused.
func (f *refreshFlow) reportSignedOut(err error, clear bool) error {
	if clear && f.page {
		f.layout.clear(f.answer, f.users)
	}
	return signedOutBecause(err)
}
