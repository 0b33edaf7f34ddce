package session

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

const (
	maxHandles  = 8 // of one request; without planted ones there is one
	takeTimeout = 2 * time.Second
)

var errTooManyHandles = errors.New("more handles than are looked at for one request")

// handleLayout keeps the tokens of a session in a store. The cookie has the handle of the
// record. A sign-in begins a record, a refresh replaces it, and a sign-out deletes it.
// Nothing puts a record under a handle again, so a deleted session never comes back, except
// for one that is taken over again with the same tokens.
type handleLayout struct {
	names
	cookieName  string
	takenPrefix string // of the names of cookies of sessions that were taken over
	*handleRecords
	alwaysAsk  bool
	attributes cookie.Attributes
	log        *slog.Logger

	logDuplicates rate.Sometimes
}

func newHandleLayout(cfg *Config, store refresh.Store) (*handleLayout, error) {
	attributes := cookie.Attributes(cfg.Cookies.withDefaults())
	attributes.HTTPOnly = true
	records, err := newHandleRecords(cfg, store, attributes.MaxAge)
	if err != nil {
		return nil, err
	}
	prefix := sealedcookie.Prefix(cfg.UserPool.ClientID, attributes)
	l := &handleLayout{
		names: names{prefix}, cookieName: prefix + sealedcookie.HandleName, takenPrefix: prefix + sealedcookie.TakenOverName,
		handleRecords: records, alwaysAsk: cfg.AlwaysAskStore, attributes: attributes, log: cfg.Logger,
	}
	l.logDuplicates.Interval = time.Minute
	return l, nil
}

// single returns the tokens of the request's cookies if they leave no choice, and their
// record is known. Otherwise access is empty. single allocates nothing.
func (l *handleLayout) single(cookies requestCookies) (access, id string) {
	if l.alwaysAsk {
		return "", ""
	}
	value := ""
	for i := range cookies {
		c := &cookies[i]
		switch {
		case !l.isOwn(c.name):
		case value != "" && value != c.value:
			return "", ""
		default:
			value = c.value
		}
	}
	if r := l.records.get(value); r != nil && l.lifetime.overErr(&r.content, l.now()) == nil {
		return r.Access, r.ID
	}
	return "", ""
}

// handlesOf returns the genuine handles in the cookies, each once. Those from position taken
// on were taken over. all reports whether there are no others.
func (l *handleLayout) handlesOf(cookies requestCookies) (handles []sealedcookie.Handle, taken int, all bool) {
	for _, isTaken := range []bool{false, true} {
		for i := range cookies {
			if c := &cookies[i]; !l.isOwn(c.name) || l.isTaken(c.name) != isTaken {
				continue
			}
			h, ok := l.handles.Parse(cookies[i].value)
			switch {
			case !ok || slices.Contains(handles, h):
			case len(handles) == maxHandles:
				return handles, taken, false
			default:
				handles = append(handles, h)
			}
		}
		if !isTaken {
			taken = len(handles)
		}
	}
	return handles, taken, len(cookies) < maxCookies
}

// users returns the user of the latest sign-in. Without the store it returns what is known of
// the record, and nothing may be refreshed: other processes could not get the new tokens.
func (l *handleLayout) users(ctx context.Context, cookies requestCookies) (found foundUsers, _ error) {
	handles, taken, all := l.handlesOf(cookies)
	found = foundUsers{all: all, noneErr: errNotOpened}
	var latest *record
	for i, h := range handles {
		if i == taken && latest != nil {
			break // what was taken over is older than every sign-in here
		}
		r, err := l.read(ctx, h)
		switch {
		case err == nil:
		case errors.Is(err, errNoRecord), errors.Is(err, refresh.ErrEnded):
			found.noneErr = err
			continue
		default:
			if r = l.records.get(h.Text); r == nil || l.alwaysAsk {
				return foundUsers{}, err
			}
			found.fixedErr = err
		}
		if latest == nil || i < taken && r.SignedIn.After(latest.SignedIn) || i >= taken && r.Refreshed.After(latest.Refreshed) {
			latest = r
		}
	}
	if latest != nil {
		found.users = []userCookies{l.userOf(latest)}
		for i := range cookies {
			if c := &cookies[i]; l.isTaken(c.name) && c.value != latest.handle.Text {
				found.stale = append(found.stale, staleCookie{index: i, opened: true})
			}
		}
	}
	return found, nil
}

func (l *handleLayout) userOf(r *record) userCookies {
	u := userOf(&r.content)
	u.record, u.over = r, l.lifetime.overErr(&r.content, l.now())
	return u
}

// writeRefreshed replaces the record. No cookie is written.
func (l *handleLayout) writeRefreshed(a answer, u *userCookies, got *refresh.Tokens, isEnded func() bool) {
	if !l.writer(a).mayRefresh(isEnded) || isEnded() {
		return
	}
	content := refreshedContent(u.record.SignedIn, got, l.now())
	if known := l.records.get(u.record.handle.Text); known != nil && haveSameTokens(&known.content, content) {
		return // another request with the same result has replaced the record, or does so
	}
	r := l.newRecord(u.record.handle, content)
	r.replaces = u.record.sealed
	l.remember(r)
	l.swap(a.r.Context(), r)
}

// writeSignIn writes a new handle and deletes the records of the handles in the request. So
// a handle that was there before a sign-in is worth nothing afterwards.
func (l *handleLayout) writeSignIn(a answer, _ *Session, c *content) error {
	ctx := a.r.Context()
	r := l.newRecord(l.handles.New(), c)
	if err := l.add(ctx, r); err != nil {
		return storeUnavailable(err)
	}
	limited, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	handles, _, _ := l.handlesOf(a.cookies)
	for _, h := range handles {
		_, _ = l.take(limited, h) // else it is tried again when the handle is shown
	}
	l.remember(r)
	w := l.writer(a)
	w.settle()
	w.put(w.attributes.Line(l.cookieName, r.handle.Text))
	if !strings.HasPrefix(l.cookieName, hostPrefix) && w.request.countName(l.cookieName) > 1 {
		w.deletions.add(deletion{name: l.cookieName, carried: true, written: true})
	}
	w.deleteAllOthers()
	w.finish()
	return nil
}

// writeTakenOver writes the handle of these tokens under a name of its own. The first of
// several answers makes the record. So the same tokens have one record only, and a late
// answer changes nothing.
func (l *handleLayout) writeTakenOver(a answer, s *Session, c *content, isEnded func() bool) error {
	w := l.writer(a)
	if !w.mayRefresh(isEnded) {
		return errAnswerSettled
	}
	h, name := l.handles.Of(c.Access, c.Refresh)
	r := l.newRecord(h, c)
	if err := l.addOnce(a.r.Context(), r, signInOf(s.access)); err != nil {
		return err
	}
	w.put(w.attributes.Line(l.prefix+name, r.handle.Text))
	w.finish()
	return nil
}

// takeTakenOver deletes the record of a session in Amplify's cookies whose takeover the
// browser has not seen. The access token is genuine: anybody can make up others.
func (l *handleLayout) takeTakenOver(ctx context.Context, access, refreshToken string) {
	h, _ := l.handles.Of(access, refreshToken)
	_, _ = l.take(ctx, h) // the sign-in is refused, too
}

// isOwn reports whether a cookie's name is that of a handle.
func (l *handleLayout) isOwn(name string) bool { return name == l.cookieName || l.isTaken(name) }

// isTaken reports whether a cookie's name is that of a session that was taken over.
func (l *handleLayout) isTaken(name string) bool { return strings.HasPrefix(name, l.takenPrefix) }

// takeUsers deletes the records of all handles, and returns their users, the latest sign-in
// first. If the store fails, it returns what is known of them.
func (l *handleLayout) takeUsers(ctx context.Context, cookies requestCookies) (found foundUsers, err error) {
	handles, _, all := l.handlesOf(cookies)
	found.all = all
	var errs []error
	if !all {
		errs = append(errs, errTooManyHandles)
	}
	var taken []*record
	for _, h := range handles {
		known := l.records.get(h.Text)
		records, err := l.take(ctx, h)
		if err != nil {
			errs = append(errs, err)
			if len(records) == 0 && known != nil {
				records = append(records, known)
			}
		}
		taken = append(taken, records...)
	}
	slices.SortStableFunc(taken, func(a, b *record) int {
		return cmp.Or(b.SignedIn.Compare(a.SignedIn), b.Refreshed.Compare(a.Refreshed))
	})
	for _, r := range taken {
		found.users = append(found.users, l.userOf(r))
	}
	return found, errors.Join(errs...)
}

// clear deletes the records and cookies of sessions that are over. A record that another
// process has replaced meanwhile stays, and so do its cookies.
func (l *handleLayout) clear(a answer, users []userCookies) {
	w := l.writer(a)
	for i := range users {
		r := users[i].record
		if swapped, err := l.store.Swap(a.r.Context(), r.handle.Key, r.sealed, nil, 0); err != nil || !swapped {
			continue
		}
		l.noteEnded(r.handle, true)
		l.records.drop(r.handle)
		for k := range a.cookies {
			if c := &a.cookies[k]; l.isOwn(c.name) && c.value == r.handle.Text {
				w.deleteCarried(c)
			}
		}
	}
	w.finish()
}

// clearAll deletes all cookies of this app client. takeUsers has deleted the records.
func (l *handleLayout) clearAll(a answer, _ []userCookies) {
	w := l.writer(a)
	w.settle()
	w.deleteAllOthers()
	w.finish()
}

// clearStale deletes the cookie of a session that was taken over, beside that of a later
// sign-in. The others stay: a record that is missing may be a store's that comes back. The
// next sign-in replaces the cookie.
func (l *handleLayout) clearStale(a answer, stale []staleCookie) {
	if len(stale) == 0 {
		return
	}
	w := l.writer(a)
	if w.kept != nil && w.kept.Settled {
		return
	}
	for _, s := range stale {
		w.deleteStale(&a.cookies[s.index])
	}
	w.finish()
}

// warnOfDuplicates says once a minute that the cookie comes twice.
func (l *handleLayout) warnOfDuplicates(cookies requestCookies, _ []userCookies) {
	if cookies.haveDuplicates() {
		l.logDuplicates.Do(func() { l.log.Warn(duplicatesWarning) })
	}
}

// holdsTokens reports whether the cookie stands for a session's tokens.
func (l *handleLayout) holdsTokens(requestCookie) bool { return true }

func (l *handleLayout) writer(a answer) *answerCookies {
	return newAnswerCookies(a, l.names, l.attributes)
}
