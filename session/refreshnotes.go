package session

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
)

const (
	besideTTL = 30 * 24 * time.Hour // Cognito's default for refresh tokens
	triedTTL  = 10 * time.Minute
	maxBeside = 1 << 15 // access tokens in half a memory
	maxTried  = 4096
)

// refreshNotes remember what this process has seen of refresh tokens. Refresh tokens are
// opaque: only Cognito can tell whose they are. The notes decide which of several it is
// asked about first, so that planted ones cannot hide the user's own for ever.
type refreshNotes struct {
	seed maphash.Seed

	mu     sync.Mutex
	beside recent.Map[uint64, uint64]   // by access token, the refresh token beside it
	tried  recent.Map[textHash, string] // the subject that Cognito has named, "" if it has failed
	errs   recent.Map[textHash, error]  // refusals, by refresh token and device key
}

func newRefreshNotes() *refreshNotes {
	return &refreshNotes{
		seed:   maphash.MakeSeed(),
		beside: recent.Map[uint64, uint64]{Keep: besideTTL, Max: maxBeside},
		tried:  recent.Map[textHash, string]{Keep: triedTTL, Max: maxTried},
		errs:   recent.Map[textHash, error]{Keep: triedTTL, Max: maxTried},
	}
}

// noteBeside notes that the tokens are of one session: Cognito has just issued both, or a
// request had no others. Every sign-in comes by here, so the hash is a quick one; it only
// orders.
func (n *refreshNotes) noteBeside(access, refreshToken string, now time.Time) {
	key, value := maphash.String(n.seed, access), maphash.String(n.seed, refreshToken)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.beside.Put(key, value, now)
}

// wereBeside reports whether the tokens are known to be of one session.
func (n *refreshNotes) wereBeside(access, refreshToken string, now time.Time) bool {
	key, value := maphash.String(n.seed, access), maphash.String(n.seed, refreshToken)
	n.mu.Lock()
	defer n.mu.Unlock()
	known, ok := n.beside.Get(key, now)
	return ok && known == value
}

// noteRefusal notes that Cognito will never accept a refresh token with a device key.
func (n *refreshNotes) noteRefusal(refreshToken, deviceKey string, err error, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.errs.Put(hashOf(refreshToken, "device "+deviceKey), err, now)
}

// refusal returns the noted refusal of a refresh token with a device key, or nil.
func (n *refreshNotes) refusal(refreshToken, deviceKey string, now time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err, _ := n.errs.Get(hashOf(refreshToken, "device "+deviceKey), now)
	return err
}

// noteTried notes that a refresh token has brought no session: it is the subject's, or
// its refresh has failed and subject is empty.
func (n *refreshNotes) noteTried(refreshToken, subject string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tried.Put(hashOf(refreshToken, "refresh"), subject, now)
}

// wasTried reports whether a refresh token with a device key has brought no session a short
// while ago, and whose Cognito has said that it is, if it has.
func (n *refreshNotes) wasTried(refreshToken, deviceKey string, now time.Time) (subject string, tried bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.errs.Has(hashOf(refreshToken, "device "+deviceKey), now) {
		return "", true
	}
	return n.tried.Get(hashOf(refreshToken, "refresh"), now)
}
