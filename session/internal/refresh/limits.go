package refresh

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/recent"
)

// Timeout bounds a whole refresh, verification included.
const Timeout = 5 * time.Second

const (
	refusalTTL     = time.Minute
	repairInterval = time.Minute
	failureWindow  = 10 * time.Second
	pauseTTL       = 10 * time.Second
	lostReplyTTL   = time.Minute // the longest grace of a rotated refresh token
	maxRefusals    = 5           // of a user's refresh tokens, within refusalTTL
	maxFailures    = 40          // of a user's calls, within failureWindow
	maxRevocations = 20          // of a user's refresh tokens, within refusalTTL
	maxRunning     = 40          // calls of a user at once
	unverifiedRate = 20          // calls a second without a verified token
	maxNotes       = 4096        // entries of half a memory
)

// limits decide which refresh tokens Cognito is asked about. Nobody can spend Cognito's
// quota through this process, and nobody can lock another user out. All memory is
// bounded.
type limits struct {
	now        func() time.Time
	unverified *rate.Limiter

	mu          sync.Mutex
	refusals    recent.Map[hash, error] // by refresh token and device key
	users       recent.Map[hash, *userLimits]
	repairs     recent.Map[hash, struct{}] // refresh tokens that a broken ID token has used
	paused      recent.Map[hash, struct{}] // sessions that are not refreshed for a while
	lostReplies recent.Map[hash, struct{}] // refresh tokens that a lost reply may have replaced
}

// userLimits count the calls for a user who has shown a genuine token. Such a token
// may be old or stolen, so it does not allow calls without end.
type userLimits struct {
	running     int
	refusals    counter
	failures    counter // other errors, so that a throttling Cognito can recover
	revocations counter
}

func newLimits(now func() time.Time) *limits {
	return &limits{
		now:         now,
		unverified:  rate.NewLimiter(unverifiedRate, maxRunning),
		refusals:    recent.Map[hash, error]{Keep: refusalTTL, Max: maxNotes},
		users:       recent.Map[hash, *userLimits]{Keep: refusalTTL, Max: maxNotes},
		repairs:     recent.Map[hash, struct{}]{Keep: repairInterval, Max: maxNotes},
		paused:      recent.Map[hash, struct{}]{Keep: pauseTTL, Max: maxNotes},
		lostReplies: recent.Map[hash, struct{}]{Keep: lostReplyTTL, Max: maxNotes},
	}
}

// user returns a user's limits. l.mu is held.
func (l *limits) user(subject string, now time.Time) *userLimits {
	key := hashOf(subject)
	u, ok := l.users.Get(key, now)
	if !ok {
		u = new(userLimits)
	}
	l.users.Put(key, u, now)
	return u
}

// startCall allows a call, or says why there is none. The caller hands the result to
// finishCall; it is nil without a subject.
func (l *limits) startCall(refreshToken, deviceKey, subject string) (*userLimits, error) {
	if err := l.refusal(refreshToken, deviceKey); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if subject == "" {
		if !l.unverified.AllowN(now, 1) {
			return nil, fmt.Errorf("%w without a genuine token", ErrTooMany)
		}
		return nil, nil
	}
	u := l.user(subject, now)
	// The running calls may all be refused.
	if u.refusals.count(now, refusalTTL) >= maxRefusals || u.failures.count(now, failureWindow) >= maxFailures || u.running >= maxRunning {
		return nil, fmt.Errorf("%w of one user", ErrTooMany)
	}
	u.running++
	return u, nil
}

// finishCall notes how a call ended. A refused token is not tried again for a while. A
// lost reply is noted because the call may have had its effect.
func (l *limits) finishCall(u *userLimits, refreshToken, deviceKey, subject string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, refused := l.now(), Refused(err)
	switch {
	case refused:
		l.refusals.Put(sessionKey(refreshToken, deviceKey), err, now)
	case err != nil && !wasAnswered(err):
		l.lostReplies.Put(sessionKey(refreshToken, subject), struct{}{}, now)
	}
	if u == nil {
		return
	}
	u.running--
	switch {
	case refused:
		u.refusals.add(now, refusalTTL)
	case err != nil:
		u.failures.add(now, failureWindow)
	}
}

// replyWasLost reports whether the reply to a recent refresh for this user was lost.
// Every newly verified request asks, and nearly always nothing was lost.
func (l *limits) replyWasLost(refreshToken, subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lostReplies.Len() > 0 && l.lostReplies.Has(sessionKey(refreshToken, subject), l.now())
}

// refusal returns Cognito's refusal, within the last minute, of the refresh token with the
// device key. It returns nil if there was none. Another key may not be refused.
func (l *limits) refusal(refreshToken, deviceKey string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err, _ := l.refusals.Get(sessionKey(refreshToken, deviceKey), l.now())
	return err
}

// AllowRepair allows one refresh for a broken ID token per refresh token and minute.
// Otherwise every request with that ID token would call Cognito.
func (l *limits) AllowRepair(refreshToken string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, now := hashOf(refreshToken), l.now()
	if l.repairs.Has(key, now) {
		return false
	}
	l.repairs.Put(key, struct{}{}, now)
	return true
}

// Pause puts off refreshes that can wait, because one has just failed and the access
// token is still valid. Otherwise every request in an outage would wait for Cognito, and
// add to its load.
func (l *limits) Pause(refreshToken, subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused.Put(sessionKey(refreshToken, subject), struct{}{}, l.now())
}

// IsPaused reports whether a refresh that can wait is put off.
func (l *limits) IsPaused(refreshToken, subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused.Has(sessionKey(refreshToken, subject), l.now())
}

// allowRevocation allows a revocation and counts it. Without a subject it counts as a
// call without a verified token.
func (l *limits) allowRevocation(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if subject == "" {
		return l.unverified.AllowN(now, 1)
	}
	u := l.user(subject, now)
	if u.revocations.count(now, refusalTTL) >= maxRevocations {
		return false
	}
	u.revocations.add(now, refusalTTL)
	return true
}

// counter counts events since the first of them, for a window of time.
type counter struct {
	n     int
	since time.Time
}

func (c *counter) count(now time.Time, window time.Duration) int {
	if age := now.Sub(c.since); age < 0 || age >= window { // age < 0: the clock was set back
		c.n = 0
	}
	return c.n
}

func (c *counter) add(now time.Time, window time.Duration) {
	if c.count(now, window) == 0 {
		c.since = now
	}
	c.n++
}

// hash stands for a refresh token, so that memory holds none for longer than needed.
type hash [sha256.Size]byte

func hashOf(s string) hash { return sha256.Sum256([]byte(s)) }

// sessionKey stands for a refresh token in one user's cookies. The same token planted
// in another user's cookies says nothing about this user's session.
func sessionKey(refreshToken, subject string) hash {
	var both [2 * sha256.Size]byte
	a, b := hashOf(refreshToken), hashOf(subject)
	copy(both[copy(both[:], a[:]):], b[:])
	return sha256.Sum256(both[:])
}
