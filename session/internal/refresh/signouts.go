package refresh

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

// endedSignInTTL exceeds the longest life of an access token.
const endedSignInTTL = 24 * time.Hour

// signOuts remember what was signed out in this process.
type signOuts struct {
	now   func() time.Time
	count atomic.Uint64 // of ended sign-ins

	mu            sync.Mutex
	refreshTokens recent.Map[hash, struct{}]
	signIns       recent.Map[hash, struct{}] // by "origin_jti"
}

func newSignOuts(now func() time.Time) *signOuts {
	return &signOuts{
		now:           now,
		refreshTokens: recent.Map[hash, struct{}]{Keep: resultMaxTTL + Timeout, Max: maxNotes},
		signIns:       recent.Map[hash, struct{}]{Keep: endedSignInTTL, Max: maxNotes},
	}
}

// SignOutCount counts the sign-ins that were ended. A session that was found not to be
// ended need not be looked up again while the count stays the same.
func (s *signOuts) SignOutCount() uint64 { return s.count.Load() }

// EndSignIns ends the sign-ins that verified access tokens descend from.
func (s *signOuts) EndSignIns(access []*tokens.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, t := range access {
		if key := hashOf(t.OriginID()); t.OriginID() != "" && !s.signIns.Has(key, now) {
			s.signIns.Put(key, struct{}{}, now)
			s.count.Add(1)
		}
	}
}

// IsEnded reports whether a verified access token's sign-in was ended. Cognito names
// the sign-in in the tokens of app clients with token revocation, its default. Refresh
// tokens do not decide: a planted one that was ended must not end a session, and a
// planted one that was not must not revive it.
func (s *signOuts) IsEnded(access *tokens.Token) bool {
	if access.OriginID() == "" || s.SignOutCount() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signIns.Has(hashOf(access.OriginID()), s.now())
}

// endToken notes that a refresh token's session was ended.
func (s *signOuts) endToken(refreshToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshTokens.Put(hashOf(refreshToken), struct{}{}, s.now())
}

// IsTokenEnded reports whether a refresh token's session was ended.
func (s *signOuts) IsTokenEnded(refreshToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshTokens.Has(hashOf(refreshToken), s.now())
}
