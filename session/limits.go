package session

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	keepRefusal  = time.Minute
	keepRepair   = time.Minute
	maxNoted     = 4096 // refusals, budgets and repairs, each
	maxRefusals  = 5    // of one user's refresh tokens, in keepRefusal
	unknownRate  = 20   // refreshes a second for which nothing was verified
	unknownBurst = 40   // and at once of one user
)

// limits decide which refresh tokens Cognito is asked about: nobody can use us as a
// hammer on its quota, and nobody can lock out another user. Everything that is
// noted is bounded. It is guarded by the refresher's mutex.
type limits struct {
	refused    map[digest]refusal
	budgets    map[string]*budget // by the user's sub
	repairs    map[digest]time.Time
	unverified *rate.Limiter
}

// digest stands for a refresh token, which is not kept longer than it is needed.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// refusal is what Cognito has said of a refresh token that is dead.
type refusal struct {
	err   error
	until time.Time
}

// budget bounds the calls for one user of whom something was verified: one expired
// token of one's own must not buy calls without end.
type budget struct {
	flying   int
	refusals int
	until    time.Time // of the refusals
}

func newLimits() limits {
	return limits{
		refused:    make(map[digest]refusal),
		budgets:    make(map[string]*budget),
		repairs:    make(map[digest]time.Time),
		unverified: rate.NewLimiter(unknownRate, unknownBurst),
	}
}

// errTooMany reports a refresh token that Cognito was not asked about.
var errTooMany = fmt.Errorf("%w: too many refresh tokens", tokens.ErrUnavailable)

// take allows a call, or says why there is to be none. The one who takes must give
// back.
func (l *limits) take(req *refreshRequest, now time.Time) error {
	if err := l.refusal(req.token, now); err != nil {
		return err
	}
	b := l.budgets[req.subject]
	if b == nil && req.subject != "" {
		if len(l.budgets) >= maxNoted {
			maps.DeleteFunc(l.budgets, func(_ string, b *budget) bool { return b.flying == 0 && !now.Before(b.until) })
		}
		if len(l.budgets) < maxNoted {
			b = new(budget)
			l.budgets[req.subject] = b
		}
	}
	if b == nil {
		if !l.unverified.AllowN(now, 1) {
			return fmt.Errorf("%w without a genuine token", errTooMany)
		}
		return nil
	}
	if !now.Before(b.until) {
		b.refusals = 0
	}
	if b.refusals >= maxRefusals || b.flying >= unknownBurst {
		return fmt.Errorf("%w of one user", errTooMany)
	}
	b.flying++
	return nil
}

// give ends a call that was taken, and notes what Cognito has refused for good, so
// that a dead token is not tried again at once.
func (l *limits) give(req *refreshRequest, err error, now time.Time) {
	refused := dead(err)
	if refused {
		note(l.refused, digestOf(req.token), refusal{err, now.Add(keepRefusal)}, func(r refusal) bool { return !now.Before(r.until) })
	}
	b := l.budgets[req.subject]
	if b == nil {
		return
	}
	b.flying = max(0, b.flying-1)
	if refused {
		if b.refusals == 0 {
			b.until = now.Add(keepRefusal)
		}
		b.refusals++
	} else if b.flying == 0 && b.refusals == 0 {
		delete(l.budgets, req.subject)
	}
}

// refusal is what Cognito has said of the refresh token within the last minute if
// it will never accept it again, or nil.
func (l *limits) refusal(token string, now time.Time) error {
	if len(l.refused) == 0 {
		return nil
	}
	if no, ok := l.refused[digestOf(token)]; ok && now.Before(no.until) {
		return no.err
	}
	return nil
}

// mayRepair reports whether a broken ID token may have its one refresh, and takes
// it: one for each refresh token and minute, or it would be one for each request.
func (l *limits) mayRepair(token string, now time.Time) bool {
	key := digestOf(token)
	if until, ok := l.repairs[key]; ok && now.Before(until) {
		return false
	}
	return note(l.repairs, key, now.Add(keepRepair), func(until time.Time) bool { return !now.Before(until) })
}

// note puts an entry into a bounded map, unless it is full of entries that are not
// old.
func note[K comparable, V any](m map[K]V, key K, value V, old func(V) bool) bool {
	if len(m) >= maxNoted {
		maps.DeleteFunc(m, func(_ K, v V) bool { return old(v) })
	}
	if len(m) >= maxNoted {
		return false
	}
	m[key] = value
	return true
}
