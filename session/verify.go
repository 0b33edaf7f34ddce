package session

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// maxChecks bounds the signatures checked for one request, however many are planted.
const maxChecks = 4

// sessionState is what a user's cookies amount to. A higher state is better.
type sessionState int

const (
	stateNone      sessionState = iota // no access token and no refresh token
	stateRefused                       // the access token is refused for good
	stateUndecided                     // the access token cannot be verified now
	stateMissing                       // no access token, but a refresh token
	stateUnknown                       // an access token whose key is not known
	stateExpired                       // an access token that is only expired
	stateValid                         // a session
)

// idTokenState is what a session's ID token amounts to. A lower state is better, and of
// several ID tokens the best one counts.
type idTokenState int

const (
	idFine      idTokenState = iota // also if there is none: an access token alone is a session
	idExpired                       // a refresh renews it
	idUndecided                     // cannot be verified now
	idBroken                        // refused, or another user's: a refresh may repair it
)

// userResult is what verification has found out about one user's cookies.
type userResult struct {
	state    sessionState
	user     *userCookies
	position int           // of the access token among its duplicates
	access   *tokens.Token // in stateValid and stateExpired
	issued   *tokens.Token // the access token if Cognito certainly issued it
	err      error         // why the state is not stateValid

	id           *tokens.Token // a valid ID token of the same user
	idState      idTokenState
	subject      string        // the session's user, if Cognito certainly issued some token of it
	genuineToken *tokens.Token // such a token: the access token, else an ID token
	foreign      bool          // the access token may show that the user pool's id is wrong
}

// verification is the best userResult of a request's cookies, with what must be known of
// the others before cookies are cleared.
type verification struct {
	userResult
	others        []userResult // of the other users that LastAuthUser names
	checksLeft    int          // signatures that may still be checked
	undecidedErr  error        // some access token cannot be verified now
	notAllChecked bool         // there are more access tokens than may be checked
	genuine       bool         // Cognito certainly issued some access token
	foreign       bool         // some access token may show that the user pool's id is wrong
}

// keepsForeign reports whether all cookies must stay, because the configured user pool may
// be a wrong one. A genuine token shows that it is not.
func (v *verification) keepsForeign() bool { return v.foreign && !v.genuine }

// verifyUsers verifies what the cookies hold. The best state wins, and among valid or
// expired access tokens the latest.
func (m *Manager) verifyUsers(ctx context.Context, users []userCookies) *verification {
	v := &verification{checksLeft: maxChecks}
	for i := range users {
		result := m.verifyUser(ctx, &users[i], v)
		if i == 0 {
			v.userResult = result
			continue
		}
		if result.isBetterThan(&v.userResult) {
			v.userResult, result = result, v.userResult
		}
		v.others = append(v.others, result)
	}
	m.verifyID(ctx, &v.userResult, &v.checksLeft)
	return v
}

// verifyUser verifies the access tokens of one user's cookies.
func (m *Manager) verifyUser(ctx context.Context, u *userCookies, v *verification) userResult {
	best := userResult{user: u}
	if len(u.access) == 0 && len(u.refresh) > 0 {
		best.state = stateMissing
	}
	for position, raw := range u.access {
		if v.checksLeft == 0 {
			v.notAllChecked = true
			break
		}
		result := m.verifyAccess(ctx, raw, &v.checksLeft)
		result.user, result.position = u, position
		v.genuine = v.genuine || result.subject != ""
		v.foreign = v.foreign || result.foreign
		if result.state == stateUndecided && v.undecidedErr == nil {
			v.undecidedErr = result.err
		}
		if result.isBetterThan(&best) {
			best = result
		}
	}
	return best
}

func (r *userResult) isBetterThan(other *userResult) bool {
	if r.state != other.state {
		return r.state > other.state
	}
	return r.access != nil && r.access.IssuedAt().After(other.access.IssuedAt())
}

// verifyAccess verifies one access token.
func (m *Manager) verifyAccess(ctx context.Context, raw string, checksLeft *int) userResult {
	token, err := m.verifyRaw(ctx, raw, tokens.Access, checksLeft)
	issued := token
	var refusal *tokens.VerifyError
	if errors.As(err, &refusal) {
		issued = refusal.Token // expired, or signed with a key that was removed
	}
	if issued != nil && issued.Username() == "" {
		return userResult{state: stateRefused, err: errNoUser}
	}
	if err == nil {
		if m.refresher.IsEnded(token) { // an answer after the sign-out has restored the cookies
			return userResult{state: stateRefused, err: refresh.ErrEnded, subject: token.Subject(), genuineToken: token}
		}
		return userResult{state: stateValid, access: token, issued: token, subject: token.Subject(), genuineToken: token}
	}
	if refusal == nil || refusal.Reason == tokens.NotYetValid {
		return userResult{state: stateUndecided, err: err}
	}
	result := userResult{state: stateRefused, err: err, issued: issued, foreign: refusal.ForeignIssuer != ""}
	if refusal.Token != nil {
		result.subject, result.genuineToken = refusal.Token.Subject(), refusal.Token
	}
	switch refusal.Reason {
	case tokens.Expired:
		result.state, result.access = stateExpired, refusal.Token
	case tokens.UnknownKey:
		result.state = stateUnknown
	}
	return result
}

// verifyID looks for the session's ID token. A refused one, or one of another user, is
// worth a refresh. Without a genuine access token an ID token still tells whose the
// session is, unless ID tokens of several users do.
func (m *Manager) verifyID(ctx context.Context, r *userResult, checksLeft *int) {
	if r.state < stateMissing {
		return
	}
	known := r.subject != ""
	var claimed *tokens.Token // of the last user that an ID token names
	claims := 0
	for i, raw := range r.user.id {
		state := idUndecided
		if *checksLeft > 0 {
			var token *tokens.Token
			token, state = m.verifyIDToken(ctx, raw, checksLeft)
			switch {
			case token == nil:
			case known && token.Subject() != r.subject:
				state = idBroken
			case state == idFine && r.id == nil:
				r.id = token
			}
			if token != nil && (claimed == nil || token.Subject() != claimed.Subject()) {
				claimed = token
				claims++
			}
		}
		if i == 0 || state < r.idState {
			r.idState = state
		}
		if known && r.id != nil {
			break
		}
	}
	if !known && claims == 1 {
		r.subject, r.genuineToken = claimed.Subject(), claimed
	}
}

// verifyIDToken verifies one ID token. It returns an expired one with its state.
func (m *Manager) verifyIDToken(ctx context.Context, raw string, checksLeft *int) (*tokens.Token, idTokenState) {
	token, err := m.verifyRaw(ctx, raw, tokens.ID, checksLeft)
	if err == nil {
		return token, idFine
	}
	var refusal *tokens.VerifyError
	switch {
	case !errors.As(err, &refusal), refusal.Reason == tokens.NotYetValid:
		return nil, idUndecided
	case refusal.Reason == tokens.Expired:
		return refusal.Token, idExpired
	}
	return nil, idBroken
}

// verifyRaw verifies a token and counts the check if a signature had to be checked.
func (m *Manager) verifyRaw(ctx context.Context, raw string, use tokens.Use, checksLeft *int) (*tokens.Token, error) {
	if m.cache.Cache != nil {
		raw = strings.Clone(raw) // a part of the header would keep all of it in memory
	}
	token, err := m.verifyToken(ctx, raw, use)
	if err == nil {
		*checksLeft--
		return token, nil
	}
	var refusal *tokens.VerifyError
	switch {
	case !errors.As(err, &refusal): // there are no keys now
	case refusal.Reason == tokens.Malformed, refusal.Reason == tokens.BadAlgorithm, refusal.Reason == tokens.BadIssuer:
	case refusal.Reason == tokens.UnknownKey && !refusal.Retired:
	default:
		*checksLeft--
	}
	return nil, err
}

// device returns the device to refresh with. Only without a claim of a verified token a
// cookie says it: anybody who can set a cookie could otherwise stop the refreshes.
func (r *userResult) device() refresh.Device {
	if r.issued != nil {
		if key := r.issued.DeviceKey(); key != "" {
			return refresh.Device{Key: key, Claimed: true}
		}
	}
	return refresh.Device{Key: r.user.device()}
}

// hasSeveralDevices reports whether several device keys may be the session's, so that a
// refusal of one says nothing of it.
func (r *userResult) hasSeveralDevices() bool {
	keys := r.user.deviceKey
	return !r.device().Claimed && slices.ContainsFunc(keys, func(key string) bool { return key != keys[0] })
}

// refreshToken returns the one that stands beside the access token. There must be one.
func (r *userResult) refreshToken() string { return r.user.refreshTokens(r.position)[0] }

// session returns the session of a valid result.
func (r *userResult) session() *Session {
	return newSession(r.access, r.id, r.user.signInDetails())
}
