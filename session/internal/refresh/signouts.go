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
	signOutTTL         = 24 * time.Hour   // exceeds the longest life of an access token
	endedUnverifiedTTL = 10 * time.Minute // for texts that could not be verified
	maxSignOuts        = 100_000          // of a day, of sign-ins and of texts each; some 10 MB each
	maxOfSubject       = 1000             // sign-ins of one subject
	maxTexts           = 100              // texts of one sign-in that may be made up
	maxTextCounts      = 1 << 15
	maxClockSkew       = 5 * time.Minute // between two processes, in what they tell each other
)

// signOuts remember what was signed out, in this process and in others that have told of
// it. What anybody can send, such as texts that nobody has verified, displaces nothing that
// was verified.
type signOuts struct {
	userPoolID, clientID string
	noteScopes
	now   func() time.Time
	count atomic.Uint64 // of entries

	mu            sync.Mutex
	refreshTokens recent.Map[hash, struct{}]
	signIns       recent.Map[shortHash, struct{}] // by signInKey
	texts         recent.Map[shortHash, struct{}] // verified access tokens, and refresh tokens beside such
	textCounts    recent.Map[hash, *counter]      // of refresh tokens that may be made up, by sign-in
	unverified    recent.Map[hash, struct{}]      // access tokens that could not be verified
	subjects      recent.Map[shortHash, subjectCount]
	users         recent.Map[shortHash, int64] // Unix seconds: all sign-ins that began until then, by subject
	unrevoked     unrevoked
	cognitoClock  clockOffset
}

// subjectCount counts the ended sign-ins of one subject. Beyond maxOfSubject, all sign-ins
// of the subject that began until a time are ended. Texts do not count for that: anybody
// who has found one old token could end all sign-ins with it.
type subjectCount struct {
	since   int64 // Unix seconds; the count is of one day
	signIns int64
}

func newSignOuts(userPoolID, clientID string, now func() time.Time) *signOuts {
	return &signOuts{
		userPoolID: userPoolID, clientID: clientID, noteScopes: newNoteScopes(userPoolID, clientID), now: now,
		refreshTokens: recent.Map[hash, struct{}]{Keep: resultMaxTTL + Timeout, Max: maxNotes},
		signIns:       recent.Map[shortHash, struct{}]{Keep: signOutTTL, Max: maxSignOuts},
		texts:         recent.Map[shortHash, struct{}]{Keep: signOutTTL, Max: maxSignOuts},
		textCounts:    recent.Map[hash, *counter]{Keep: signOutTTL, Max: maxTextCounts},
		unverified:    recent.Map[hash, struct{}]{Keep: endedUnverifiedTTL, Max: maxNotes},
		subjects:      recent.Map[shortHash, subjectCount]{Keep: signOutTTL, Max: maxSignOuts},
		users:         recent.Map[shortHash, int64]{Keep: signOutTTL, Max: maxSignOuts},
		unrevoked:     newUnrevoked(),
	}
}

// SignOutCount counts what was ended. A session that was found not to be ended need not
// be looked up again while the count stays the same.
func (s *signOuts) SignOutCount() uint64 { return s.count.Load() }

// signInOf returns what all access tokens of a sign-in have in common. Cognito names
// the sign-in in the tokens of app clients with token revocation, its default. Otherwise
// the user and the second of the sign-in tell. It returns "" if neither is known.
func signInOf(t *tokens.Token) string {
	switch {
	case t.OriginID() != "":
		return t.OriginID()
	case t.AuthTime().IsZero():
		return ""
	}
	return t.Subject() + " " + strconv.FormatInt(t.AuthTime().Unix(), 10)
}

// beganAt returns when the sign-in of a token began, or the token's own time, which is
// later, if the token does not say.
func beganAt(t *tokens.Token) time.Time {
	if t.AuthTime().IsZero() {
		return t.IssuedAt()
	}
	return t.AuthTime()
}

// The names of what was signed out are hashes, for the log that replicas share. Replicas
// of other app clients have other names, and those of another app client of the same
// user pool have the same names of users.

func (s *signOuts) signInKey(signIn string) hash {
	return hashOfParts(s.userPoolID, s.clientID, signIn)
}

func (s *signOuts) textKey(text string) hash { return hashOfParts(s.userPoolID, s.clientID, text) }

func (s *signOuts) userKey(subject string) hash { return hashOfParts(s.userPoolID, subject) }

// EndSignIns ends the sign-ins that verified access tokens descend from. It returns what
// other processes must be told.
func (s *signOuts) EndSignIns(access []*tokens.Token) (told []Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range access {
		signIn := signInOf(t)
		if signIn == "" {
			told = append(told, s.endText(t, t.Raw(), true)...)
			continue
		}
		// A sign-in that has just begun may have begun later than this clock says.
		note := Note{kind: noteSignIn, key: s.signInKey(signIn), subject: s.userKey(t.Subject()).short(), at: s.now()}
		if began := beganAt(t); began.After(note.at) {
			note.at = began
		}
		if s.add(note) {
			told = append(told, note)
		}
	}
	return told
}

// EndText ends the text of a token in the cookies of a genuine token: of that one, or of a
// refresh token beside it. It ends nothing else of the sign-in, because anybody
// may have found an expired access token. It returns what other processes must be told.
func (s *signOuts) EndText(genuine *tokens.Token, text string) (told []Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endText(genuine, text, text == genuine.Raw())
}

// EndTextBeside is EndText for a refresh token that is known to belong to the genuine one.
// Texts that anybody can make up do not use up its place.
func (s *signOuts) EndTextBeside(genuine *tokens.Token, refreshToken string) (told []Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endText(genuine, refreshToken, true)
}

// endText ends a text. Those that may be made up are bounded for each sign-in, and forgotten
// beyond that. s.mu is held.
func (s *signOuts) endText(genuine *tokens.Token, text string, known bool) (told []Note) {
	note := Note{kind: noteText, key: s.textKey(text), at: s.now()}
	if s.texts.Has(note.key.short(), note.at) {
		return nil
	}
	if !known {
		texts := record(&s.textCounts, originOf(genuine).signIn, note.at)
		if texts.count(note.at, signOutTTL) >= maxTexts {
			return nil
		}
		texts.add(note.at, signOutTTL)
	}
	s.add(note)
	return []Note{note}
}

// endUser ends all sign-ins of a user that began before now. It returns what other
// processes must be told.
func (s *signOuts) endUser(subject string) Note {
	s.mu.Lock()
	defer s.mu.Unlock()
	note := Note{kind: noteUser, key: s.userKey(subject), at: s.cognitoClock.latest(s.now())}
	s.add(note)
	return note
}

// add remembers what a note says, from its time on. It reports whether that is new. s.mu
// is held.
func (s *signOuts) add(note Note) (added bool) {
	now := s.now()
	putAt := note.at
	if putAt.After(now) { // the clock of the process that tells may be fast
		putAt = now
	}
	if now.Sub(putAt) >= signOutTTL {
		return false
	}
	key := note.key.short()
	switch note.kind {
	case noteSignIn:
		added = s.addSignIn(key, note, putAt, now)
	case noteText:
		added = !s.texts.Has(key, now)
		s.texts.PutAt(key, struct{}{}, putAt, now)
	case noteUser:
		added = s.addUser(key, note.at, putAt, now)
	}
	if added {
		s.count.Add(1)
	}
	return added
}

func (s *signOuts) addSignIn(key shortHash, note Note, putAt, now time.Time) (added bool) {
	if s.signIns.Has(key, now) {
		s.signIns.PutAt(key, struct{}{}, putAt, now)
		return false
	}
	subject, ok := s.subjects.Get(note.subject, now)
	if age := now.Unix() - subject.since; !ok || age < 0 || age >= int64(signOutTTL/time.Second) { // earlier entries are forgotten by now
		subject = subjectCount{since: now.Unix()}
	}
	if subject.signIns >= maxOfSubject {
		return s.addUser(note.subject, note.at, putAt, now)
	}
	subject.signIns++
	s.subjects.Put(note.subject, subject, now)
	s.signIns.PutAt(key, struct{}{}, putAt, now)
	return true
}

// addUser ends all sign-ins of a user that began until a time.
func (s *signOuts) addUser(key shortHash, until, putAt, now time.Time) (added bool) {
	if known, ok := s.users.Get(key, now); ok && until.Unix() <= known {
		return false
	}
	s.users.PutAt(key, until.Unix(), putAt, now)
	return true
}

// hear remembers the sign-out that a text in the log tells of.
func (s *signOuts) hear(text []byte) {
	if note, ok := s.decode(text); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		// The clock of the process that tells may be fast. Its user could not sign in until
		// all other clocks are there.
		if now := s.cognitoClock.latest(s.now()); note.at.After(now.Add(maxClockSkew)) {
			note.at = now
		}
		s.add(note)
	}
}

// EndUnverified ends access tokens that cannot be verified now, for ten minutes. Other
// processes are not told, because anybody can send such texts.
func (s *signOuts) EndUnverified(access []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, raw := range access {
		s.unverified.Put(hashOf(raw), struct{}{}, s.now())
		s.count.Add(1)
	}
}

// IsEnded reports whether a verified access token, or its sign-in, was ended. Refresh
// tokens do not decide: a planted one that was ended must not end a session, and a
// planted one that was not must not revive it.
func (s *signOuts) IsEnded(access *tokens.Token) bool {
	if s.SignOutCount() == 0 {
		return false
	}
	signIn, text := signInOf(access), s.textKey(access.Raw()).short()
	user, unverified := s.userKey(access.Subject()).short(), hashOf(access.Raw())
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if signIn != "" {
		if key := s.signInKey(signIn); s.signIns.Has(key.short(), now) || s.unrevoked.has(key) {
			return true
		}
	}
	if s.texts.Has(text, now) || s.unverified.Has(unverified, now) {
		return true
	}
	until, ok := s.users.Get(user, now)
	return ok && beganAt(access).Unix() <= until
}

// KeepUnrevoked remembers sign-ins until Cognito has confirmed that it has revoked their
// refresh tokens, because it has not now. Other processes are told again each half day.
func (s *signOuts) KeepUnrevoked(notes []Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, note := range notes {
		if note.kind == noteSignIn {
			s.unrevoked.add(note, s.now())
		}
	}
}

// noteRevoked notes that Cognito has revoked the refresh token of a sign-in.
func (s *signOuts) noteRevoked(access *tokens.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unrevoked.remove(s.signInKey(signInOf(access)))
}

// unrevokedDue returns what must be told again now.
func (s *signOuts) unrevokedDue() []Note {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unrevoked.due(s.now())
}

// noteExchange notes when Cognito has issued a token between two times of this clock.
func (s *signOuts) noteExchange(before, after, issuedAt time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cognitoClock.note(before, after, issuedAt)
}

// cognitoNow returns Cognito's time in whole seconds, as far as exchanges have shown it.
func (s *signOuts) cognitoNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cognitoClock.latest(s.now())
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
	return s.texts.Has(s.textKey(refreshToken).short(), s.now())
}
