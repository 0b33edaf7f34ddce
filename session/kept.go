package session

import (
	"context"
	"slices"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// find returns the flight of a refresh token and device. r.mu is held, here and
// wherever a time is handed over.
func (r *refresher) find(token, device string) *flight {
	for _, f := range r.flights[token] {
		if f.device == device {
			return f
		}
	}
	return nil
}

// keeps reports whether the tokens of an earlier refresh are kept that are newer than
// the access token shown with its refresh token, or could not be verified then, or were
// lost with Cognito's reply. The browser has missed them, after a refresh ahead of time
// or a forced one: with rotation its refresh token is worth nothing any more, or soon,
// and nobody would notice before the access token expires.
func (r *refresher) keeps(token, device string, shown *tokens.Token) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, now := r.find(token, device), r.m.now()
	switch {
	case f == nil && !r.limits.isLost(token, shown.Subject(), now):
		return false
	case f == nil:
	case f.landed.IsZero() || !f.outdates(shown):
		return false
	case f.got != nil && !r.m.expiring(f.got.access, now):
		return true
	}
	return !r.limits.resting.has(ofUser(token, shown.Subject()), now) // for this takes a call
}

// latest is the last of the flights that have exchanged what a kept one has brought, as
// far as they are good. Between them, each is outdated by the next.
func (r *refresher) latest(f *flight, now time.Time) *flight {
	for range maxKept {
		next := r.find(f.got.refresh, f.device)
		if next == nil || next == f || next.got == nil || r.m.expiring(next.got.access, now) {
			break
		}
		f = next
	}
	return f
}

// outdated reports whether a refresh is under way or kept that replaces the access
// token shown with its refresh token, which should not be cached any more: who shows it
// again has missed the answer.
func (r *refresher) outdated(token, device string, shown *tokens.Token) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.find(token, device)
	if f == nil {
		return r.limits.isLost(token, shown.Subject(), r.m.now())
	}
	return f.outdates(shown)
}

// outdates reports whether what a flight has brought, or may still bring, replaces an
// access token of the same user. The times are whole seconds: of one and the same, only
// rotation tells that what is shown with the old refresh token came before; without it,
// Amplify in the browser may have refreshed later.
func (f *flight) outdates(shown *tokens.Token) bool {
	switch {
	case f.got == nil:
		return true
	case f.got.access.Subject() != shown.Subject(), f.got.access.Raw() == shown.Raw():
		return false
	case f.got.refresh != f.token && f.got.access.IssuedAt().Equal(shown.IssuedAt()):
		return true
	}
	return f.got.access.IssuedAt().After(shown.IssuedAt())
}

// drop takes a flight out.
func (r *refresher) drop(f *flight) {
	same := slices.DeleteFunc(r.flights[f.token], func(o *flight) bool { return o == f })
	if r.flights[f.token] = same; len(same) == 0 {
		delete(r.flights, f.token)
	}
	if r.from[f.newest()] == f {
		delete(r.from, f.newest())
	}
	if f.place != nil {
		r.kept.Remove(f.place)
	}
	r.unexpect(f)
}

// sweep forgets the results that are old, once in a while.
func (r *refresher) sweep(now time.Time) {
	if since := now.Sub(r.swept); since >= 0 && since < sweepEvery {
		return
	}
	r.swept = now
	for e := r.kept.Front(); e != nil; {
		f := e.Value.(*flight)
		e = e.Next()
		switch {
		case now.After(f.until):
			r.drop(f)
		case f.until.Sub(now) > keepAtMost: // the clock was set back
			f.until = now.Add(keepAtMost)
		}
	}
}

// pin keeps a flight's result as long as can be.
func (f *flight) pin() {
	f.pinned = true
	if !f.landed.IsZero() {
		f.until = f.landed.Add(keepAtMost)
	}
}

// saw notes that a browser has shown a refreshed access token: what was kept of that
// refresh is needed only for requests that are still on their way. Every request of
// somebody who is signed in comes by here.
func (r *refresher) saw(access string) {
	if r.expected.Load() == 0 {
		return
	}
	known, ok := r.unseen.Load(access)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := known.(*flight); !f.pinned {
		f.until = f.landed.Add(keepAtLeast)
		r.unexpect(f)
	}
}

func (r *refresher) unexpect(f *flight) {
	if f.got != nil && r.unseen.CompareAndDelete(f.got.access.Raw(), f) {
		r.expected.Add(-1)
	}
}

// ending marks the chains of refresh tokens as ended: no flight or kept result of
// theirs brings the session back. It returns the access tokens that they brought.
func (r *refresher) ending(all []string) (access []*tokens.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.m.now()
	for _, token := range all {
		access = append(access, r.mark(token, now)...)
	}
	return access
}

// end notes that the sign-ins which valid access tokens descend from are over.
func (r *refresher) end(access []*tokens.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.m.now()
	for _, t := range access {
		if key := digestOf(t.OriginID()); t.OriginID() != "" && !r.over.has(key, now) {
			r.over.put(key, struct{}{}, now)
			r.ends.Add(1)
		}
	}
}

// isOver reports whether an access token's sign-in was ended. Cognito names it in the
// tokens of app clients with token revocation, which is its default. Refresh tokens do
// not tell: a planted one that was ended must not end a session, nor a planted one that
// was not revive it.
func (r *refresher) isOver(t *tokens.Token) bool {
	if t.OriginID() == "" || r.ends.Load() == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over.has(digestOf(t.OriginID()), r.m.now())
}

// goesOn reports whether the sign-in of a cached session is not over. It is looked up
// once after each sign-out of anybody.
func (r *refresher) goesOn(e *cacheEntry) bool {
	ends := r.ends.Load()
	if e.ends.Load() == ends {
		return true
	}
	if r.isOver(e.session.access) {
		return false
	}
	e.ends.Store(ends)
	return true
}

// settle returns the newest refresh token of a chain that was ended, which is the
// one to be revoked. It waits for a flight that is under way until ctx ends; a
// flight that lands later revokes its own tokens.
func (r *refresher) settle(ctx context.Context, token string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		newest, f := r.tip(token)
		if f == nil {
			return newest
		}
		r.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
		}
		r.mu.Lock()
		if f.landed.IsZero() {
			f.orphan = true
			return newest
		}
		token = f.newest()
	}
}

// mark marks the whole chain of a refresh token as ended, the tokens before it too. It
// returns the access tokens that were refreshed with them.
func (r *refresher) mark(token string, now time.Time) (access []*tokens.Token) {
	for todo := []string{token}; len(todo) > 0; {
		token, todo = todo[0], todo[1:]
		r.ended.put(digestOf(token), struct{}{}, now)
		if f := r.from[token]; f != nil && !f.ended {
			todo = append(todo, f.token)
		}
		for _, f := range r.flights[token] {
			if next := f.newest(); !f.ended && !f.landed.IsZero() && next != token {
				todo = append(todo, next)
			}
			if f.got != nil {
				access = append(access, f.got.access)
			}
			f.ended = true
		}
	}
	return access
}

// tip follows a chain to its newest refresh token and the flight that is about to
// bring another.
func (r *refresher) tip(token string) (newest string, flying *flight) {
	for range maxKept {
		next := token
		for _, f := range r.flights[token] {
			if f.landed.IsZero() {
				return token, f
			}
			if f.newest() != token {
				next = f.newest()
			}
		}
		if next == token {
			break
		}
		token = next
	}
	return token, nil
}

// isEnded reports whether a flight's session was ended meanwhile.
func (r *refresher) isEnded(f *flight) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f.ended
}

// refusal is what Cognito has said of the refresh token within the last minute if
// it will never accept it again, or nil.
func (r *refresher) refusal(token string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.refusal(token, r.m.now())
}

// mayRepair reports whether a broken ID token may have a refresh, and takes it.
func (r *refresher) mayRepair(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.mayRepair(token, r.m.now())
}

// rest notes that a session could not be refreshed while its access token is still
// valid. Until keepRest is over it is served as it is: in an outage each request
// would else wait for Cognito, for seconds if that hangs, and add to its load.
func (r *refresher) rest(token, subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limits.resting.put(ofUser(token, subject), struct{}{}, r.m.now())
}

// resting reports whether a refresh that can wait is to wait.
func (r *refresher) resting(token, subject string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.resting.has(ofUser(token, subject), r.m.now())
}

// mayRevoke reports whether a refresh token may be revoked. subject is whose it is,
// if some token of the session is genuine.
func (r *refresher) mayRevoke(subject string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.mayRevoke(subject, r.m.now())
}
