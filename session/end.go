package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// ErrNotAllEnded reports that End has ended the user's own session, but not all that the
// cookies held: Cognito has not revoked every refresh token, or there were too many.
// Somebody may have planted the others.
var ErrNotAllEnded = errors.New("session: not all sessions in the cookies were ended")

// Bounds on what one sign-out ends. More can be planted, but the own session comes first.
const (
	maxEnded      = 20 // refresh tokens, and access tokens
	maxUnverified = 4  // access tokens that cannot be verified
)

// End signs the user out. It clears the cookies of every session of this app client,
// whatever else fails, and has Cognito revoke their refresh tokens, so that copies of
// them are worth nothing. The user's own session comes first, whatever else the cookies
// hold.
//
// End waits for a running refresh. For 24 hours this process refuses all tokens of the
// sign-in of a valid access token, even if a late answer restores the cookies. If Cognito
// could not be reached, it refuses them until a later refresh has them revoked. Of an
// expired access token it refuses the refresh tokens beside it. If the key set cannot be
// fetched, it refuses the access tokens in the cookies for ten minutes. Without a genuine
// token, only the revocation lasts for longer than two minutes.
//
// With Config.Shared, End first stops the refreshes of all processes with the same store.
// They refuse the sign-in and the refresh tokens too, within two seconds. If the store
// cannot take the sign-out now, a later request to this process tells of it. What could
// not be verified is refused here alone.
//
// With LayoutHandle, End deletes the session's record. If the store cannot delete it now,
// this process refuses the cookie all the same, and deletes the record when the cookie is
// shown again. Other processes then refuse the sign-in if this one knows it.
//
// End takes at most five seconds. The error is that of the own session's revocation,
// [ErrNotAllEnded], and with LayoutHandle the store's, joined; the browser is signed out
// all the same. Without a genuine token, revocations are limited as refreshes. With
// Config.TakeOver, End ends the sessions in Amplify's cookies too.
func (m *Manager) End(w http.ResponseWriter, r *http.Request) error {
	cookies := m.parseCookies(r.Header, nil)
	if len(cookies) == 0 && m.takeOver != nil {
		cookies = m.answeredCookies(w, r)
	}
	// A browser that does not wait for the answer has signed out nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), refresh.Timeout)
	defer cancel()
	// Half of the time is left, whether the key set hangs or a refresh.
	half, stop := context.WithTimeout(ctx, refresh.Timeout/2)
	defer stop()
	err := m.endLayout(ctx, half, w, r, m.layout, cookies)
	if amplify := m.takeOver.cookies(r); len(amplify) > 0 {
		m.takeTakenOver(half, amplify)
		amplifyErr := m.endLayout(ctx, half, w, r, m.takeOver.amplify, amplify)
		if amplifyErr != nil && len(cookies) > 0 { // they are not the own session's
			amplifyErr = ErrNotAllEnded
		}
		err = errors.Join(err, amplifyErr)
	}
	m.takeOver.mark(w, r)
	if err != nil {
		return fmt.Errorf("session: end: %w", err)
	}
	return nil
}

// takeTakenOver deletes the records of sessions in Amplify's cookies. Without a genuine token
// it does nothing: made-up ones would displace what is known of others' sign-outs.
func (m *Manager) takeTakenOver(ctx context.Context, amplify requestCookies) {
	access, refreshTokens := amplify.all(slotAccess), append(amplify.all(slotRefresh), "")
	if m.handle == nil || len(access) > maxTakeOverTokens {
		return
	}
	for _, raw := range access {
		if _, err := genuine(m.verifyToken(ctx, raw, tokens.Access)); err == nil {
			m.handle.takeTakenOver(ctx, raw, refreshTokens[0])
		}
	}
}

// endLayout is End for the sessions in the cookies of one layout. From half's deadline on,
// there is time for revocations only.
func (m *Manager) endLayout(ctx, half context.Context, w http.ResponseWriter, r *http.Request, l layout, cookies requestCookies) error {
	found, takeErr := l.takeUsers(half, cookies)
	v := m.verifyUsers(half, found.users, found.all)
	l.clearAll(answer{w: w, r: r, cookies: cookies}, v.bestFirst())
	shown, leftOver := m.refreshTokensOf(r, v, cookies)
	notes, left := m.endHere(half, l, v, cookies, shown)
	leftOver = leftOver || left
	notes = m.endElsewhere(ctx, shown, notes)
	var errs []error
	if takeErr != nil {
		errs = append(errs, storeUnavailable(takeErr))
	}
	for i, s := range shown {
		switch err := m.refresher.Revoke(ctx, half, s.newest, &s.evidence); {
		case err == nil, refresh.SignedOut(err):
		case i == 0 && (!s.oneOfSeveral || !isAboutToken(err)):
			errs = append(errs, err)
			m.refresher.KeepUnrevoked(notes)
		default:
			leftOver = true
		}
	}
	if leftOver {
		errs = append(errs, ErrNotAllEnded)
	}
	return errors.Join(errs...)
}

// bestFirst returns the users' cookies, beginning with the user's own session's: an answer
// has room for so many deletions.
func (v *verification) bestFirst() []userCookies {
	users := make([]userCookies, len(v.users))
	for i, r := range v.users {
		users[i] = *r.user
	}
	return users
}

// endHere ends the sessions in this process. It returns what other processes must be told:
// of sign-ins first, because there are many texts if some are planted. leftOver reports
// whether some access tokens were left.
func (m *Manager) endHere(ctx context.Context, l layout, v *verification, cookies requestCookies, shown []shownRefreshToken) (notes []refresh.Note, leftOver bool) {
	for _, s := range shown {
		notes = append(notes, m.refresher.EndSignIns(m.refresher.EndRefreshTokens([]string{s.token}))...)
	}
	ofAccess, leftOver := m.endAccessTokens(ctx, l, v, cookies)
	notes = append(notes, ofAccess...)
	for _, s := range shown {
		switch {
		case s.evidence.Beside != nil:
			notes = append(notes, m.refresher.EndTextBeside(s.evidence.Beside, s.token)...)
		case len(s.evidence.Genuine) > 0:
			notes = append(notes, m.refresher.EndText(s.evidence.Genuine[0], s.token)...)
		}
	}
	return notes, leftOver
}

// endElsewhere ends the sessions of refresh tokens in the store, and notes the newest tokens
// that it has. It tells other processes of the notes, right after the own session: a slow
// store leaves no time for planted tokens. It returns the notes with those that it has added.
func (m *Manager) endElsewhere(ctx context.Context, shown []shownRefreshToken, notes []refresh.Note) []refresh.Note {
	// However long the verification has taken, some time is for the store.
	ctx, cancel := context.WithTimeout(ctx, refresh.Timeout/4)
	defer cancel()
	told := 0
	tell := func() {
		_ = m.refresher.TellSignOuts(ctx, notes[told:]) // else they are told later
		told = len(notes)
	}
	for i := range shown {
		s := &shown[i]
		newest, refreshed, ok := m.refresher.EndShared(ctx, s.token, &s.evidence)
		notes = append(notes, m.refresher.EndSignIns(refreshed)...)
		if s.newest = newest; !ok {
			break
		}
		if i == 0 {
			tell()
		}
	}
	tell()
	return notes
}

// shownRefreshToken is a refresh token of a request that signs out.
type shownRefreshToken struct {
	token        string
	newest       string // that is known to have come from it, by another process's refresh
	evidence     refresh.Evidence
	oneOfSeveral bool // under one name; some may be planted
}

// refreshTokensOf returns the refresh tokens in the cookies, each once, up to maxEnded:
// those of the user's own session, then those of other names that genuine tokens vouch
// for, then the rest. leftOver reports whether some were left out.
func (m *Manager) refreshTokensOf(req *http.Request, v *verification, cookies requestCookies) (shown []shownRefreshToken, leftOver bool) {
	add := func(s shownRefreshToken) {
		switch {
		case slices.ContainsFunc(shown, func(other shownRefreshToken) bool { return other.token == s.token }):
		case len(shown) == maxEnded:
			leftOver = true
		default:
			shown = append(shown, s)
		}
	}
	for _, vouched := range []bool{true, false} {
		for _, r := range v.users {
			if (r.genuineToken != nil) == vouched {
				for _, token := range m.refreshOrder(r) {
					add(shownRefreshToken{token, token, m.evidence(req, r, token), len(r.user.refresh) > 1})
				}
			}
		}
	}
	for _, token := range cookies.all(slotRefresh) {
		add(shownRefreshToken{token: token, newest: token, evidence: refresh.Evidence{Client: m.clientAddress(req)}})
	}
	return shown, leftOver
}

// endAccessTokens ends the sign-ins of the valid access tokens in the cookies, those of
// duplicates and of users that LastAuthUser does not name too. An expired token ends only
// its text, because anybody may have found it. It returns what other processes must be
// told, and reports whether some tokens were left.
func (m *Manager) endAccessTokens(ctx context.Context, l layout, v *verification, cookies requestCookies) (notes []refresh.Note, leftOver bool) {
	all := accessTokensOf(v, cookies)
	if len(all) > maxEnded {
		all, leftOver = all[:maxEnded], true
	}
	_, isRecord := l.(*handleLayout)
	var unverified []string
	for _, raw := range all {
		token, err := m.verifyToken(ctx, raw, tokens.Access)
		var refusal *tokens.VerifyError
		switch {
		case err == nil && token.Username() != "":
			notes = append(notes, m.refresher.EndSignIns([]*tokens.Token{token})...)
		case err == nil: // a program's
		case errors.As(err, &refusal) && refusal.Token != nil && isRecord && refusal.Token.Username() != "":
			// A record is the session's own, and nobody finds it.
			notes = append(notes, m.refresher.EndSignIns([]*tokens.Token{refusal.Token})...)
		case refusal != nil && refusal.Token != nil:
			notes = append(notes, m.refresher.EndText(refusal.Token, raw)...)
		case refusal != nil && refusal.Reason.Final(): // it never was a session's
		case len(unverified) < maxUnverified: // its key may become known
			unverified = append(unverified, raw)
		default:
			leftOver = true
		}
	}
	m.refresher.EndUnverified(unverified)
	return notes, leftOver
}

// accessTokensOf returns the access tokens in the cookies, each once: the user's own
// session's, then one of each name that LastAuthUser has before another of one, then the
// rest.
func accessTokensOf(v *verification, cookies requestCookies) (list []string) {
	add := func(raw string) {
		if !slices.Contains(list, raw) {
			list = append(list, raw)
		}
	}
	if v.access != nil {
		add(v.access.Raw())
	}
	for position, more := 0, true; more; position++ {
		more = false
		for _, r := range v.users {
			if position < len(r.user.access) {
				add(r.user.access[position])
				more = true
			}
		}
	}
	for _, raw := range cookies.all(slotAccess) {
		add(raw)
	}
	return list
}
