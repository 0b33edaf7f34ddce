package refresh

import (
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
)

// endedSignInTTL exceeds the longest life of an access token.
const endedSignInTTL = 24 * time.Hour

// signOuts remember what was signed out in this process. The Engine's mutex guards
// both memories.
type signOuts struct {
	refreshTokens recent.Map[hash, struct{}]
	signIns       recent.Map[hash, struct{}] // by "origin_jti"
	count         atomic.Uint64              // of ended sign-ins
}

func newSignOuts() signOuts {
	return signOuts{
		refreshTokens: recent.Map[hash, struct{}]{Keep: resultMaxTTL + Timeout, Max: maxNotes},
		signIns:       recent.Map[hash, struct{}]{Keep: endedSignInTTL, Max: maxNotes},
	}
}

// endSignIn notes that a sign-in is over. Tokens without a sign-in's id are not noted.
func (s *signOuts) endSignIn(originID string, now time.Time) {
	if key := hashOf(originID); originID != "" && !s.signIns.Has(key, now) {
		s.signIns.Put(key, struct{}{}, now)
		s.count.Add(1)
	}
}
