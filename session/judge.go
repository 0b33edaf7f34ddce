package session

import (
	"context"
	"errors"
	"strings"

	"github.com/cognitogate/cognitogate/tokens"
)

// maxChecks bounds the signatures that are checked for one request, however many
// twins of a cookie somebody has planted.
const maxChecks = 4

// state is what the cookies of a user amount to, the better the higher.
type state int

const (
	stateNone    state = iota // no access token and nothing to get one with
	stateRefused              // an access token is refused for good
	stateDoubt                // an access token cannot be judged now
	stateMissing              // no access token, but a refresh token
	stateUnknown              // an access token whose key is not known
	stateExpired              // an access token that is only expired
	stateValid                // a session
)

// finding is the verdict on one user's cookies.
type finding struct {
	state    state
	user     *userCookies
	position int           // of the access token among its twins
	access   *tokens.Token // stateValid and stateExpired
	err      error         // why not stateValid

	id      *tokens.Token // a valid ID token of the same user
	idFault idFault
	subject string // whose session it is, if Cognito certainly issued some token of it
}

// refreshToken is the one that stands beside the access token. There must be one.
func (f *finding) refreshToken() string { return f.user.refreshTokens(f.position)[0] }

// verdict is the finding that speaks for a request's cookies, and what is to be
// known of the others before any of them are cleared.
type verdict struct {
	finding
	others   []finding // of the other users that LastAuthUser names
	checks   int       // signatures that may still be checked
	doubt    error     // some access token cannot be judged now
	unjudged bool      // there are more access tokens than may be checked
}

// idFault says what is wrong with the ID token of a session, the worse the
// higher. Of several tokens the best one counts.
type idFault int

const (
	idFine    idFault = iota // or not there: a missing ID token is no fault
	idExpired                // a refresh renews it
	idDoubt                  // cannot be judged now
	idBroken                 // refused, or another user's: a refresh may repair it
)

// judge verifies what the cookies hold. Among several candidates the best state
// wins, and among valid or expired access tokens the latest.
func (m *Manager) judge(ctx context.Context, j *jar) verdict {
	v := verdict{checks: maxChecks}
	for i := range j.users {
		f := m.judgeUser(ctx, &j.users[i], &v)
		switch {
		case i == 0:
			v.finding = f
		case f.beats(&v.finding):
			v.others = append(v.others, v.finding)
			v.finding = f
		default:
			v.others = append(v.others, f)
		}
	}
	m.judgeID(ctx, &v.finding, &v.checks)
	return v
}

func (m *Manager) judgeUser(ctx context.Context, u *userCookies, v *verdict) finding {
	best := finding{user: u}
	if len(u.access) == 0 && len(u.refresh) > 0 {
		best.state = stateMissing
	}
	for position, raw := range u.access {
		if v.checks == 0 {
			v.unjudged = true
			break
		}
		f := m.judgeAccess(ctx, raw, &v.checks)
		if f.state == stateValid && m.refresher.isOver(f.access) {
			// A late answer has brought the cookies back (W39).
			f = finding{state: stateRefused, err: errEnded, subject: f.subject}
		}
		f.user, f.position = u, position
		if f.state == stateDoubt && v.doubt == nil {
			v.doubt = f.err
		}
		if f.beats(&best) {
			best = f
		}
	}
	return best
}

func (f *finding) beats(other *finding) bool {
	if f.state != other.state {
		return f.state > other.state
	}
	return f.access != nil && f.access.IssuedAt().After(other.access.IssuedAt())
}

// judgeAccess verifies one access token.
func (m *Manager) judgeAccess(ctx context.Context, raw string, checks *int) finding {
	token, err := m.verify(ctx, raw, tokens.Access, checks)
	if err == nil {
		return finding{state: stateValid, access: token, subject: token.Subject()}
	}
	f := finding{err: err}
	refusal := (*tokens.VerifyError)(nil)
	switch {
	case !errors.As(err, &refusal), refusal.Reason == tokens.NotYetValid:
		f.state = stateDoubt
	case refusal.Reason == tokens.Expired:
		f.state, f.access, f.subject = stateExpired, refusal.Token, refusal.Token.Subject()
	case refusal.Reason == tokens.UnknownKey:
		f.state = stateUnknown
		if refusal.Retired {
			f.subject = refusal.Token.Subject()
		}
	default:
		f.state = stateRefused
	}
	return f
}

// judgeID looks for the ID token that belongs to the session. One of another
// user, or one that is refused, is as good as missing, and worth a refresh (W3,
// W31). Without a genuine access token it still tells whose the session is,
// unless ID tokens of several users claim that.
func (m *Manager) judgeID(ctx context.Context, f *finding, checks *int) {
	if f.state < stateMissing {
		return
	}
	known := f.subject != ""
	claimed, claims := "", 0
	for i, raw := range f.user.id {
		fault := idDoubt
		if *checks > 0 {
			var token *tokens.Token
			token, fault = m.judgeIDToken(ctx, raw, checks)
			switch {
			case token == nil:
			case known && token.Subject() != f.subject:
				fault = idBroken
			case fault == idFine && f.id == nil:
				f.id = token
			}
			if token != nil && token.Subject() != claimed {
				claimed = token.Subject()
				claims++
			}
		}
		if i == 0 || fault < f.idFault {
			f.idFault = fault
		}
		if known && f.id != nil {
			break
		}
	}
	if !known && claims == 1 {
		f.subject = claimed
	}
}

// judgeIDToken verifies one ID token. An expired one is returned with its fault.
func (m *Manager) judgeIDToken(ctx context.Context, raw string, checks *int) (*tokens.Token, idFault) {
	token, err := m.verify(ctx, raw, tokens.ID, checks)
	if err == nil {
		return token, idFine
	}
	refusal := (*tokens.VerifyError)(nil)
	switch {
	case !errors.As(err, &refusal), refusal.Reason == tokens.NotYetValid:
		return nil, idDoubt
	case refusal.Reason == tokens.Expired:
		return refusal.Token, idExpired
	}
	return nil, idBroken
}

// verify verifies a token and counts those whose signature had to be checked.
func (m *Manager) verify(ctx context.Context, raw string, use tokens.Use, checks *int) (*tokens.Token, error) {
	// A copy, because the token may be kept, and would keep the whole header.
	if m.cache != nil {
		raw = strings.Clone(raw)
	}
	token, err := m.verifier.Verify(ctx, raw, use)
	refusal := (*tokens.VerifyError)(nil)
	switch {
	case err == nil:
		*checks--
	case errors.As(err, &refusal):
		switch refusal.Reason {
		case tokens.Malformed, tokens.BadAlgorithm, tokens.BadIssuer:
		case tokens.UnknownKey:
			if refusal.Retired {
				*checks--
			}
		default:
			*checks--
		}
	}
	return token, err
}
