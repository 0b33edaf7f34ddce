package session

import (
	"context"
	"errors"

	"github.com/cognitogate/cognitogate/tokens"
)

// maxChecks bounds the signatures that are checked for one request, however many
// twins of a cookie somebody has planted.
const maxChecks = 4

// state is what the cookies of a request amount to, the better the higher.
type state int

const (
	stateNone    state = iota // no access token and nothing to get one with
	stateRefused              // an access token is refused for good
	stateMissing              // no access token, but a refresh token
	stateUnknown              // an access token whose key is not known
	stateExpired              // an access token that is only expired
	stateDoubt                // an access token that cannot be judged now
	stateValid                // a session
)

// finding is the verdict on a request's cookies.
type finding struct {
	state    state
	user     *userCookies
	position int           // of the access token among its twins
	access   *tokens.Token // stateValid and stateExpired
	err      error         // why not stateValid

	id       *tokens.Token // a valid ID token of the same user
	idFault  idFault
	refused  bool   // some token was refused for good
	verified bool   // Cognito issued some token of the session: see Manager.limit
	subject  string // whose, if known
}

// idFault says what is wrong with the ID token of a session.
type idFault int

const (
	idFine    idFault = iota // or not there: a missing ID token is no fault
	idExpired                // a refresh renews it
	idBroken                 // refused, or another user's: a refresh may repair it
	idDoubt                  // cannot be judged now
)

// judge verifies what the cookies hold. Among several candidates the best state
// wins, and among valid or expired access tokens the latest.
func (m *Manager) judge(ctx context.Context, j *jar) finding {
	best := finding{state: stateNone}
	checks := maxChecks
	anyRefused := false
	for i := range j.users {
		u := &j.users[i]
		if len(u.access) == 0 && len(u.refresh) > 0 {
			best = better(best, finding{state: stateMissing, user: u})
		}
		for position, raw := range u.access {
			if checks == 0 {
				break
			}
			f := m.judgeAccess(ctx, raw, &checks)
			f.user, f.position = u, position
			anyRefused = anyRefused || f.refused
			best = better(best, f)
		}
	}
	if best.user != nil {
		m.judgeID(ctx, &best, &checks)
	}
	best.refused = best.refused || anyRefused
	return best
}

func better(a, b finding) finding {
	if b.state != a.state {
		if b.state > a.state {
			return b
		}
		return a
	}
	if b.access != nil && a.access != nil && b.access.IssuedAt.After(a.access.IssuedAt) {
		return b
	}
	return a
}

// judgeAccess verifies one access token.
func (m *Manager) judgeAccess(ctx context.Context, raw string, checks *int) finding {
	token, err := m.verify(ctx, raw, tokens.Access, checks)
	if err == nil {
		return finding{state: stateValid, access: token, verified: true, subject: token.Subject}
	}
	f := finding{err: err}
	refusal := (*tokens.VerifyError)(nil)
	switch {
	case !errors.As(err, &refusal), refusal.Reason == tokens.NotYetValid:
		f.state = stateDoubt
	case refusal.Reason == tokens.Expired:
		f.state, f.access = stateExpired, refusal.Token
		f.verified, f.subject = true, refusal.Token.Subject
	case refusal.Reason == tokens.UnknownKey:
		f.state, f.verified = stateUnknown, refusal.Retired
	default:
		f.state, f.refused = stateRefused, true
	}
	return f
}

// judgeID looks for the ID token that belongs to the session. One of another
// user, or one that is refused, is as good as missing, and worth a refresh (W3,
// W31). Without an access token it still tells whose the session is.
func (m *Manager) judgeID(ctx context.Context, f *finding, checks *int) {
	for _, raw := range f.user.id {
		if *checks == 0 {
			return
		}
		token, err := m.verify(ctx, raw, tokens.ID, checks)
		expired := false
		if refusal := (*tokens.VerifyError)(nil); errors.As(err, &refusal) {
			token, expired = refusal.Token, refusal.Reason == tokens.Expired
			f.refused = f.refused || final(refusal.Reason)
			f.verified = f.verified || refusal.Retired
		} else if err != nil {
			f.idFault = idDoubt
			continue
		}
		if token == nil || f.subject != "" && token.Subject != f.subject {
			f.idFault = idBroken
			continue
		}
		f.verified, f.subject = true, token.Subject
		if expired {
			f.idFault = idExpired
			continue
		}
		f.id, f.idFault = token, idFine
		return
	}
}

// verify verifies a token and counts those whose signature had to be checked.
func (m *Manager) verify(ctx context.Context, raw string, use tokens.Use, checks *int) (*tokens.Token, error) {
	token, err := m.verifier.Verify(ctx, raw, use)
	refusal := (*tokens.VerifyError)(nil)
	switch {
	case err == nil:
		*checks--
	case errors.As(err, &refusal):
		switch refusal.Reason {
		case tokens.Malformed, tokens.BadAlgorithm, tokens.BadIssuer, tokens.UnknownKey:
		default:
			*checks--
		}
	}
	return token, err
}

// final reports whether a token refused for this reason can never become valid
// nor be refreshed. Amplify in the browser, which verifies nothing, would believe
// in such a token for ever (W35), so it is cleared.
func final(r tokens.Reason) bool {
	switch r {
	case tokens.Expired, tokens.NotYetValid, tokens.UnknownKey:
		return false
	}
	return true
}
