package session

import (
	"context"
	"errors"
	"net/http"

	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/internal/percent"
)

// maxTries bounds the refresh tokens that Cognito is asked about for one request.
const maxTries = 2

// attempt is one request's try to get a session by a refresh.
type attempt struct {
	m    *Manager
	w    http.ResponseWriter
	r    *http.Request
	j    *jar
	v    *verdict
	ends uint64 // sign-outs before
	opts *FetchOptions
	page bool

	tries  int   // refresh tokens tried
	dead   bool  // Cognito has refused a refresh token of the session
	alive  bool  // something may still be a session, so nothing is cleared
	doubt  error // something could not be told
	failed bool  // a call, which costs more than not to be allowed one
	last   error // why the last refresh token brought nothing
}

// refresh tries the refresh tokens that the cookies hold: those beside the access
// token that speaks for the session, and without a valid one those of the other
// users whom LastAuthUser names too.
func (a *attempt) refresh(ctx context.Context) (*Session, error) {
	a.alive = a.v.unjudged
	a.doubt = a.v.doubt
	if s := a.refreshUser(ctx, &a.v.finding); s != nil {
		return s, nil
	}
	if a.v.state == stateValid {
		return a.keepValid()
	}
	for i := range a.v.others {
		f := &a.v.others[i]
		a.m.judgeID(ctx, f, &a.v.checks)
		if s := a.refreshUser(ctx, f); s != nil {
			return s, nil
		}
	}
	if a.doubt != nil {
		return nil, unavailable(a.doubt)
	}
	if a.last == nil {
		a.last = a.v.err
	}
	return nil, a.over(a.last, !a.alive)
}

// refreshUser returns the session that one of the user's refresh tokens brings, or
// nil after noting what is known of them.
func (a *attempt) refreshUser(ctx context.Context, f *finding) *Session {
	switch {
	case f.state == stateNone, f.state == stateRefused, f.state == stateDoubt:
		return nil
	case f.state == stateUnknown && len(f.user.refresh) == 0:
		a.alive = true // its key may become known
	}
	for _, token := range f.user.refreshTokens(f.position) {
		got, err := a.try(ctx, f, token)
		switch {
		case got != nil:
			a.writeBack(f.user, got)
			s := newSession(got.access, got.id, f.user.signInDetails())
			a.m.store(s, got.refresh, f.user.device(), a.ends) // the browser's next request shows it
			return s
		case signedOut(err):
			a.dead = true
		case errors.Is(err, errOtherUser):
			// Somebody else's refresh token stands among this user's cookies (W4).
		case errors.Is(err, errEnded):
			a.alive = true // the sign-out has cleared what there was
		case dead(err):
			// Rotation has replaced the token: another holder of this session has
			// newer ones, and deleting cookies might delete those.
			a.alive = true
		case errors.Is(err, errTooMany):
			a.doubt = err
		default:
			a.doubt, a.failed, a.tries = err, true, maxTries
		}
		a.last = err
	}
	return nil
}

// try exchanges one refresh token. Only tokens that Cognito has to be asked about
// count: otherwise two planted ones would hide the user's own for ever.
func (a *attempt) try(ctx context.Context, f *finding, token string) (*refreshed, error) {
	if err := a.m.refresher.refusal(token); err != nil {
		return nil, err
	}
	if a.tries == maxTries {
		a.alive = true
		return nil, a.last
	}
	a.tries++
	req := refreshRequest{token: token, device: f.user.device(), subject: f.subject, upgrade: page.IsUpgrade(a.r),
		force: a.opts.ForceRefresh, metadata: a.opts.ClientMetadata}
	if len(f.user.access) > 0 {
		req.presented = f.user.access[f.position]
	}
	got, err := a.m.refresher.do(ctx, req)
	switch {
	case err != nil:
		return nil, err
	case f.subject != "" && got.access.Subject() != f.subject:
		return nil, errOtherUser
	case a.m.refresher.isOver(got.access): // ended while it could not be revoked
		return nil, errEnded
	}
	return got, nil
}

// keepValid ends a refresh that has failed while the access token is still valid.
// It goes on serving, unless Cognito says that the session is over or the refresh
// was asked for.
func (a *attempt) keepValid() (*Session, error) {
	switch {
	case a.doubt != nil && a.opts.ForceRefresh:
		return nil, unavailable(a.doubt)
	case a.doubt == nil && a.dead && !a.alive:
		return nil, a.over(a.last, true)
	case !a.opts.ForceRefresh:
		if a.failed {
			a.m.refresher.rest(a.v.refreshToken(), a.v.subject)
		}
		return a.v.session(), nil
	case a.last == nil:
		a.last = errNoRefreshToken
	}
	return nil, a.over(a.last, false)
}

// over reports that nobody is signed in, and clears the cookies if that is for
// good. A script's answer deletes nothing: it may be read late, when the browser
// has signed in anew (W39); the next page clears what is still dead.
func (a *attempt) over(err error, clear bool) error {
	if clear && a.page {
		w := a.m.writer(a.w, a.j)
		for i := range a.j.users {
			a.m.clear(w, a.j.users[i].user)
		}
	}
	return signedOutBecause(err)
}

// writeBack writes refreshed tokens in the order in which Amplify does. A script's
// answer writes only cookies that carry the user's name: LastAuthUser may belong
// to somebody else by the time it arrives (W39). clockDrift describes the
// browser's clock and is left alone (W40).
func (a *attempt) writeBack(u *userCookies, got *refreshed) {
	w := a.m.writer(a.w, a.j)
	user := u.user
	if a.page {
		w.twins = 2
	}
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
	if d, ok := percent.Decode(u.signInDetails()); ok && d != "" && !a.m.cookies.HTTPOnly {
		w.set(user, slotDetails, d)
	}
	if a.page {
		for _, slot := range []string{slotAccess, slotID, slotRefresh} {
			w.respell(user, slot)
		}
	}
}
