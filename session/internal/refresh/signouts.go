package refresh

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	endedSignInTTL     = 24 * time.Hour   // exceeds the longest life of an access token
	endedUnverifiedTTL = 10 * time.Minute // for texts that could not be verified
	maxSignOuts        = 1 << 15          // entries of half a memory
	maxOfSubject       = 1000             // sign-ins of one subject
	maxTexts           = 100              // texts of one sign-in that may be made up
)

// signOuts remember what was signed out in this process. What anybody can send, such as
// texts that nobody has verified, displaces nothing that was verified.
type signOuts struct {
	now   func() time.Time
	count atomic.Uint64 // of entries

	mu            sync.Mutex
	refreshTokens recent.Map[hash, struct{}]
	signIns       recent.Map[hash, struct{}] // by signInKey
	texts         recent.Map[hash, struct{}] // verified access tokens, and refresh tokens beside such
	textCounts    recent.Map[hash, *counter] // of refresh tokens that may be made up, by sign-in
	unverified    recent.Map[hash, struct{}] // access tokens that could not be verified
	subjects      recent.Map[hash, *subjectSignOuts]
}

// subjectSignOuts bound the entries of one subject. Beyond that, all sign-ins of the
// subject that began until a time are ended. Texts do not count for that: whoever has
// found one old token could end all sign-ins with it.
type subjectSignOuts struct {
	since   time.Time // of the count, which is of one day
	signIns int
	until   time.Time
}

func newSignOuts(now func() time.Time) *signOuts {
	return &signOuts{
		now:           now,
		refreshTokens: recent.Map[hash, struct{}]{Keep: resultMaxTTL + Timeout, Max: maxNotes},
		signIns:       recent.Map[hash, struct{}]{Keep: endedSignInTTL, Max: maxSignOuts},
		texts:         recent.Map[hash, struct{}]{Keep: endedSignInTTL, Max: maxSignOuts},
		textCounts:    recent.Map[hash, *counter]{Keep: endedSignInTTL, Max: maxSignOuts},
		unverified:    recent.Map[hash, struct{}]{Keep: endedUnverifiedTTL, Max: maxNotes},
		subjects:      recent.Map[hash, *subjectSignOuts]{Keep: endedSignInTTL, Max: maxSignOuts},
	}
}

// SignOutCount counts what was ended. A session that was found not to be ended need not
// be looked up again while the count stays the same.
func (s *signOuts) SignOutCount() uint64 { return s.count.Load() }

// signInKey returns what all access tokens of a sign-in have in common. Cognito names
// the sign-in in the tokens of app clients with token revocation, its default. Otherwise
// the user and the second of the sign-in tell. It returns "" if neither is known.
func signInKey(t *tokens.Token) string {
	switch {
	case t.OriginID() != "":
		return t.OriginID()
	case t.AuthTime().IsZero():
		return ""
	}
	return t.Subject() + " " + strconv.FormatInt(t.AuthTime().Unix(), 10)
}

// EndSignIns ends the sign-ins that verified access tokens descend from.
func (s *signOuts) EndSignIns(access []*tokens.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range access {
		key := signInKey(t)
		if key == "" {
			s.endText(t, t.Raw(), true)
			continue
		}
		if now := s.now(); !s.signIns.Has(hashOf(key), now) {
			s.count.Add(1)
			subject := s.subject(t, now)
			if subject.signIns < maxOfSubject {
				subject.signIns++
				s.signIns.Put(hashOf(key), struct{}{}, now)
			} else {
				subject.until = now
			}
		}
	}
}

// EndText ends the text of a token in the cookies of a genuine token: of that one, or of a
// refresh token beside it. It ends nothing else of the sign-in, because anybody
// may have found an expired access token.
func (s *signOuts) EndText(genuine *tokens.Token, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endText(genuine, text, text == genuine.Raw())
}

// EndTextBeside is EndText for a refresh token that is known to belong to the genuine one.
// Texts that anybody can make up do not use up its place.
func (s *signOuts) EndTextBeside(genuine *tokens.Token, refreshToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endText(genuine, refreshToken, true)
}

// endText ends a text. Those that may be made up are bounded for each sign-in, and forgotten
// beyond that. s.mu is held.
func (s *signOuts) endText(genuine *tokens.Token, text string, known bool) {
	key, now := hashOf(text), s.now()
	if s.texts.Has(key, now) {
		return
	}
	if !known {
		texts := record(&s.textCounts, originOf(genuine).signIn, now)
		if texts.count(now, endedSignInTTL) >= maxTexts {
			return
		}
		texts.add(now, endedSignInTTL)
	}
	s.texts.Put(key, struct{}{}, now)
	s.count.Add(1)
}

// EndUnverified ends access tokens that cannot be verified now, for ten minutes.
func (s *signOuts) EndUnverified(access []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, raw := range access {
		s.unverified.Put(hashOf(raw), struct{}{}, s.now())
		s.count.Add(1)
	}
}

// subject returns what is noted of a token's subject. s.mu is held.
func (s *signOuts) subject(t *tokens.Token, now time.Time) *subjectSignOuts {
	key := hashOf(t.Subject())
	subject, ok := s.subjects.Get(key, now)
	if !ok {
		subject = &subjectSignOuts{since: now}
	} else if age := now.Sub(subject.since); age >= endedSignInTTL || age < 0 { // earlier entries are forgotten by now
		subject = &subjectSignOuts{since: now, until: subject.until}
	}
	s.subjects.Put(key, subject, now)
	return subject
}

// IsEnded reports whether a verified access token, or its sign-in, was ended. Refresh
// tokens do not decide: a planted one that was ended must not end a session, and a
// planted one that was not must not revive it.
func (s *signOuts) IsEnded(access *tokens.Token) bool {
	if s.SignOutCount() == 0 {
		return false
	}
	text := hashOf(access.Raw())
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if key := signInKey(access); key != "" && s.signIns.Has(hashOf(key), now) {
		return true
	}
	if s.texts.Has(text, now) || s.unverified.Has(text, now) {
		return true
	}
	subject, ok := s.subjects.Get(hashOf(access.Subject()), now)
	if !ok || subject.until.IsZero() {
		return false
	}
	began := access.AuthTime()
	if began.IsZero() {
		began = access.IssuedAt()
	}
	return !began.After(subject.until)
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

// IsTextEnded reports whether EndText has ended a refresh token. What it still brings, if
// it could not be revoked, is no session.
func (s *signOuts) IsTextEnded(refreshToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts.Has(hashOf(refreshToken), s.now())
}
