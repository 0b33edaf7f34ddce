package refresh

import (
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// Windows of time in which calls are counted.
const (
	refusalTTL    = time.Minute // a refusal is also remembered so long
	failureWindow = 10 * time.Second
	successWindow = time.Minute
)

// Rates of the calls that are allowed beyond the limits on refusals.
var (
	demotedRate     = bucketSize{perSecond: 10, burst: 10} // with a genuine token, of all users
	demotedUserRate = bucketSize{perSecond: 1, burst: 1}
	unverifiedRate  = bucketSize{perSecond: 20, burst: 120} // without a genuine token
	clientRate      = bucketSize{perSecond: 2, burst: 2}    // without one, of one client address
	storeCallRate   = bucketSize{perSecond: 50, burst: 50}  // of the store, without one

	clientTombstoneRate = bucketSize{perSecond: 5, burst: 20} // of those, sign-outs of one client address
)

// uses count the calls that an access token was shown for, or those of a sign-in or user.
type uses struct {
	running     int     // they may all be refused
	refusals    counter // of refresh tokens
	failures    counter // other errors, so that a throttling Cognito can recover
	revocations counter
	tombstones  counter // in the store, with the limits of revocations
}

func revocations(u *uses) *counter { return &u.revocations }
func tombstones(u *uses) *counter  { return &u.tombstones }

// signInLimits count the calls for a sign-in.
type signInLimits struct {
	latest      time.Time // when the latest access token that was seen here was issued
	latestShown uses      // with those that were the latest
	shown       uses      // with the other access tokens
	worked      uses      // of refresh tokens that have worked here
	successes
}

// userLimits count the calls for a user.
type userLimits struct {
	latestShown uses // with the latest access tokens of sign-ins
	shown       uses // with other access tokens
	demoted     bucket
	successes
}

// successes count successful refreshes. Those that run may all succeed.
type successes struct {
	refreshing int
	refreshed  counter
}

func (s *successes) reach(limit int, now time.Time) bool {
	return s.refreshed.count(now, successWindow)+s.refreshing >= limit
}

// noteIssued reports whether no later token of the sign-in has been seen here.
func (s *signInLimits) noteIssued(t *tokens.Token) bool {
	if t.IssuedAt().Before(s.latest) {
		return false
	}
	s.latest = t.IssuedAt()
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

// bucketSize is how many calls a bucket allows a second, and how many at once.
type bucketSize struct{ perSecond, burst float64 }

// bucket limits calls by their rate. Unlike a rate.Limiter it takes back the calls that
// turned out well. The zero bucket is full.
type bucket struct {
	used float64
	at   time.Time
}

// allows reports whether the bucket has a call left.
func (b *bucket) allows(now time.Time, size bucketSize) bool {
	if age := now.Sub(b.at); age > 0 {
		b.used = max(0, b.used-age.Seconds()*size.perSecond)
	}
	b.at = now // also if the clock was set back
	return b.used+1 <= size.burst+1e-6
}

func (b *bucket) take() { b.used++ }

func (b *bucket) giveBack() { b.used = max(0, b.used-1) }
