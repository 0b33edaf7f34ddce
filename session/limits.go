package session

import (
	"crypto/sha256"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	keepRefusal    = time.Minute
	keepRepair     = time.Minute
	failedFor      = 10 * time.Second
	keepRest       = 10 * time.Second
	keepLost       = time.Minute // the longest grace of a rotated refresh token
	maxRefusals    = 5           // of one user's refresh tokens, in keepRefusal
	maxFailures    = 40          // of one user's calls, in failedFor
	maxRevocations = 20          // of one user's refresh tokens, in keepRefusal
	unknownRate    = 20          // calls a second for which nothing was verified
	unknownBurst   = 40          // and at once; at once of one user, too
	maxNoted       = 4096        // entries of half a memory
)

// limits decide which refresh tokens Cognito is asked about: nobody can use us as a
// hammer on its quota, and nobody can lock out another user. Everything that is
// noted is bounded. It is guarded by the refresher's mutex.
type limits struct {
	refused    memory[error]
	budgets    memory[*budget] // by the user's sub
	repairs    memory[struct{}]
	resting    memory[struct{}]
	lost       memory[struct{}] // refresh tokens that a lost reply may have replaced
	unverified *rate.Limiter
}

// budget bounds the calls for one user of whom something was verified: one expired
// token of one's own must not buy calls without end.
type budget struct {
	flying   int
	refusals window // refresh tokens that Cognito refuses for good
	failures window // other errors: a Cognito that is throttling must come to rest
	revoked  window
}

func newLimits() limits {
	return limits{
		refused:    memory[error]{keep: keepRefusal},
		budgets:    memory[*budget]{keep: keepRefusal},
		repairs:    memory[struct{}]{keep: keepRepair},
		resting:    memory[struct{}]{keep: keepRest},
		lost:       memory[struct{}]{keep: keepLost},
		unverified: rate.NewLimiter(unknownRate, unknownBurst),
	}
}

// errTooMany reports a refresh token that Cognito was not asked about.
var errTooMany = fmt.Errorf("%w: too many refresh tokens", tokens.ErrUnavailable)

// budget returns the budget of a user.
func (l *limits) budget(subject string, now time.Time) *budget {
	key := digestOf(subject)
	b, ok := l.budgets.get(key, now)
	if !ok {
		b = new(budget)
	}
	l.budgets.put(key, b, now)
	return b
}

// take allows a call, or says why there is to be none. What it returns is to be
// given back; without a subject that is nil.
func (l *limits) take(token, subject string, now time.Time) (*budget, error) {
	if err := l.refusal(token, now); err != nil {
		return nil, err
	}
	if subject == "" {
		if !l.unverified.AllowN(now, 1) {
			return nil, fmt.Errorf("%w without a genuine token", errTooMany)
		}
		return nil, nil
	}
	b := l.budget(subject, now)
	// Calls that are under way may all be refused.
	if b.refusals.count(now, keepRefusal) >= maxRefusals || b.failures.count(now, failedFor) >= maxFailures || b.flying >= unknownBurst {
		return nil, fmt.Errorf("%w of one user", errTooMany)
	}
	b.flying++
	return b, nil
}

// give ends a call that was taken. It notes what Cognito has refused for good, so that a
// dead token is not tried again at once, and what may have had an effect although its
// reply was lost.
func (l *limits) give(b *budget, token, subject string, err error, now time.Time) {
	refused := dead(err)
	switch {
	case refused:
		l.refused.put(digestOf(token), err, now)
	case err != nil && !answered(err):
		l.lost.put(ofUser(token, subject), struct{}{}, now)
	}
	if b == nil {
		return
	}
	b.flying--
	switch {
	case refused:
		b.refusals.add(now, keepRefusal)
	case err != nil:
		b.failures.add(now, failedFor)
	}
}

// isLost reports whether the reply to a refresh for a user was lost lately. Every request
// that is verified anew asks, and nearly always there is none.
func (l *limits) isLost(token, subject string, now time.Time) bool {
	return len(l.lost.young)+len(l.lost.old) > 0 && l.lost.has(ofUser(token, subject), now)
}

// refusal is what Cognito has said of the refresh token within the last minute if
// it will never accept it again, or nil.
func (l *limits) refusal(token string, now time.Time) error {
	err, _ := l.refused.get(digestOf(token), now)
	return err
}

// mayRepair reports whether a broken ID token may have its one refresh, and takes
// it: one for each refresh token and minute, or it would be one for each request.
func (l *limits) mayRepair(token string, now time.Time) bool {
	key := digestOf(token)
	if l.repairs.has(key, now) {
		return false
	}
	l.repairs.put(key, struct{}{}, now)
	return true
}

// mayRevoke reports whether a refresh token may be revoked, and counts it.
func (l *limits) mayRevoke(subject string, now time.Time) bool {
	if subject == "" {
		return l.unverified.AllowN(now, 1)
	}
	b := l.budget(subject, now)
	if b.revoked.count(now, keepRefusal) >= maxRevocations {
		return false
	}
	b.revoked.add(now, keepRefusal)
	return true
}

// window counts what has happened lately.
type window struct {
	n     int
	since time.Time
}

func (w *window) count(now time.Time, length time.Duration) int {
	if age := now.Sub(w.since); age < 0 || age >= length { // also after a clock was set back
		w.n = 0
	}
	return w.n
}

func (w *window) add(now time.Time, length time.Duration) {
	if w.count(now, length) == 0 {
		w.since = now
	}
	w.n++
}

// digest stands for a refresh token, which is not kept longer than it is needed.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// ofUser stands for a refresh token in the cookies of a user: what others do with the
// same text, which they may have planted there, says nothing of the user's session.
func ofUser(token, subject string) digest {
	a, b := digestOf(token), digestOf(subject)
	var both [2 * sha256.Size]byte
	copy(both[copy(both[:], a[:]):], b[:])
	return sha256.Sum256(both[:])
}

// memory remembers things for a while, unless more than maxNoted are put in
// meanwhile. Then it forgets the oldest: a flood can push something out, but never
// keep something from being noted. No step of it looks at more than one entry.
type memory[V any] struct {
	keep       time.Duration
	young, old map[digest]noted[V]
	turned     time.Time // when young was new
}

type noted[V any] struct {
	value V
	at    time.Time
}

func (m *memory[V]) get(key digest, now time.Time) (value V, ok bool) {
	e, ok := m.young[key]
	if !ok {
		e, ok = m.old[key]
	}
	// A clock that was set back a long way must not keep anything for ever.
	if age := now.Sub(e.at); !ok || age >= m.keep || age <= -m.keep {
		return value, false
	}
	return e.value, true
}

func (m *memory[V]) has(key digest, now time.Time) bool {
	_, ok := m.get(key, now)
	return ok
}

func (m *memory[V]) put(key digest, value V, now time.Time) {
	if age := now.Sub(m.turned); len(m.young) >= maxNoted || age >= m.keep || age <= -m.keep {
		m.old, m.young, m.turned = m.young, make(map[digest]noted[V]), now
	}
	m.young[key] = noted[V]{value, now}
}
