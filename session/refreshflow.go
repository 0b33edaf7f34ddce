package session

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// maxTries bounds the refresh tokens that Cognito is asked about for one request.
const maxTries = 2

// refreshFlow is one request's attempt to get a session by a refresh.
type refreshFlow struct {
	m            *Manager
	w            http.ResponseWriter
	r            *http.Request
	cookies      requestCookies
	users        []userCookies
	v            *verification
	signOutCount uint64 // before the verification
	opts         *FetchOptions
	page         bool // the answer is a page's, which may delete cookies

	tries        int   // refresh tokens tried
	refused      bool  // Cognito says that the session of a refresh token is over
	keepCookies  bool  // something may still be a session
	undecidedErr error // why something could not be told
	callFailed   bool  // a call was made and failed
	lastErr      error // why the last refresh token brought nothing
}

// run tries the refresh tokens of the best user's cookies. Without a valid access token
// it goes on with those of the other users that LastAuthUser names.
func (f *refreshFlow) run(ctx context.Context) (*Session, error) {
	f.keepCookies, f.undecidedErr = f.v.notAllChecked || f.v.keepsForeign(), f.v.undecidedErr
	if s := f.refreshUser(ctx, &f.v.userResult); s != nil {
		return s, nil
	}
	if f.v.state == stateValid {
		return f.serveUnrefreshed()
	}
	for i := range f.v.others {
		other := &f.v.others[i]
		f.m.verifyID(ctx, other, &f.v.checksLeft)
		if s := f.refreshUser(ctx, other); s != nil {
			return s, nil
		}
	}
	if f.undecidedErr != nil {
		return nil, unavailable(f.undecidedErr)
	}
	if f.lastErr == nil {
		f.lastErr = f.v.err
	}
	return nil, f.reportSignedOut(f.lastErr, !f.keepCookies)
}

// refreshUser returns the session that one of the user's refresh tokens brings. If none
// does, it notes what is known of them and returns nil.
func (f *refreshFlow) refreshUser(ctx context.Context, result *userResult) *Session {
	refreshTokens := slices.DeleteFunc(slices.Clone(result.user.refreshTokens(result.position)), isMalformed)
	switch {
	case result.state == stateNone, result.state == stateRefused, result.state == stateUndecided:
		return nil
	case result.state == stateUnknown && len(refreshTokens) == 0:
		f.keepCookies = true // its key may become known
	}
	for _, token := range refreshTokens {
		got, err := f.try(ctx, result, token)
		switch {
		case got != nil:
			f.m.layout.writeRefreshed(f.w, f.r.Host, f.cookies, result.user, got, f.page, func() bool {
				return f.m.refresher.IsEnded(got.Access) || f.m.refresher.IsTokenEnded(got.Refresh)
			})
			s := newSession(got.Access, got.ID, result.user.signInDetails())
			f.m.store(s, got.Refresh, f.signOutCount) // the browser's next request shows it
			return s
		case refresh.SignedOut(err):
			f.refused = true
			f.keepCookies = f.keepCookies || result.hasSeveralDevices()
		case errors.Is(err, errOtherUser):
			// Another user's refresh token stands among this user's cookies.
		case errors.Is(err, refresh.ErrEnded):
			f.keepCookies = true // the sign-out has cleared what there was
		case refresh.Refused(err):
			// Rotation has replaced the token. The browser may have newer cookies by
			// now, and a deletion might delete those.
			f.keepCookies = true
		case errors.Is(err, refresh.ErrUserRefused):
			f.keepCookies, f.callFailed = true, true // the refusal may be lifted
		case refresh.IsUserRefusal(err): // perhaps of a planted refresh token alone
			f.undecidedErr, f.callFailed = err, true
		case errors.Is(err, refresh.ErrTooMany):
			f.undecidedErr = err
		default:
			f.undecidedErr, f.callFailed, f.tries = err, true, maxTries
		}
		f.lastErr = err
	}
	return nil
}

// isMalformed reports whether a value is no refresh token. The pattern is that of the API
// reference of GetTokensFromRefreshToken. Cognito would refuse such a value as a parameter,
// which says nothing about a session.
func isMalformed(refreshToken string) bool {
	return refreshToken == "" || strings.ContainsFunc(refreshToken, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_=.", r))
	})
}

// try exchanges one refresh token. Only tokens that Cognito is asked about count as
// tries. Otherwise two planted ones would hide the user's own for ever.
func (f *refreshFlow) try(ctx context.Context, result *userResult, token string) (*refresh.Tokens, error) {
	if err := f.m.refresher.Refusal(token, result.device()); err != nil {
		return nil, err
	}
	if f.tries == maxTries {
		f.keepCookies = true
		return nil, f.lastErr
	}
	f.tries++
	req := refresh.Request{
		RefreshToken: token, Device: result.device(), Upgrade: page.IsUpgrade(f.r),
		Genuine: result.genuineToken, Client: f.m.clientAddress(f.r),
		Force: f.opts.ForceRefresh, Metadata: f.opts.ClientMetadata,
	}
	if len(result.user.access) > 0 {
		req.Presented = result.user.access[result.position]
	}
	got, err := f.m.refresher.Refresh(ctx, req)
	switch {
	case err != nil:
		return nil, err
	case result.subject != "" && got.Access.Subject() != result.subject:
		return nil, errOtherUser
	case f.m.refresher.IsEnded(got.Access): // signed out, but Cognito could not revoke it
		return nil, refresh.ErrEnded
	}
	return got, nil
}

// serveUnrefreshed ends a refresh that has failed while the access token is still valid.
// The session goes on, unless Cognito says that it is over, or the refresh was forced.
func (f *refreshFlow) serveUnrefreshed() (*Session, error) {
	switch {
	case f.undecidedErr != nil && f.opts.ForceRefresh:
		return nil, unavailable(f.undecidedErr)
	case f.undecidedErr == nil && f.refused && !f.keepCookies:
		return nil, f.reportSignedOut(f.lastErr, true)
	case !f.opts.ForceRefresh:
		if f.callFailed {
			f.m.refresher.Pause(f.v.refreshToken(), f.v.subject)
		}
		return f.v.session(), nil
	case f.lastErr == nil:
		f.lastErr = errNoRefreshToken
	}
	return nil, f.reportSignedOut(f.lastErr, false)
}

// reportSignedOut reports that nobody is signed in. It clears the cookies if clear is set and
// the answer is a page. A script's answer deletes nothing: it may arrive when the browser
// has signed in anew. The next page clears what is still refused.
func (f *refreshFlow) reportSignedOut(err error, clear bool) error {
	if clear && f.page {
		f.m.layout.clear(f.w, f.r.Host, f.cookies, f.users)
	}
	return signedOutBecause(err)
}
