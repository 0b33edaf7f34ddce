package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cognitogate/cognitogate/tokens"
)

// Start begins the session of tokens that Cognito has just issued: it verifies
// them, writes their cookies to w, and removes those of every earlier session of
// this app client, so that nothing of one survives a sign-in. After an error
// nothing is written.
//
// A refused token is a *tokens.VerifyError. New tokens that are out of their time,
// or signed with a key that is not known yet, say that a clock or a key set is
// wrong and are tokens.ErrUnavailable too.
func (m *Manager) Start(w http.ResponseWriter, r *http.Request, set *tokens.Set) (*Session, error) {
	access, err := m.verifyNew(r.Context(), set.Access, tokens.Access)
	if err != nil {
		return nil, err
	}
	var id *tokens.Token
	if set.ID != "" {
		if id, err = m.verifyNew(r.Context(), set.ID, tokens.ID); err != nil {
			return nil, err
		}
		if id.Subject() != access.Subject() {
			return nil, errors.New("session: start: the tokens are two users'")
		}
	}
	if access.Username() == "" {
		return nil, errors.New("session: start: the access token names no user")
	}

	wr := m.writer(w, m.read(r.Header))
	wr.twins = 1
	wr.drop()
	user := access.Username()
	wr.set("", lastAuthUser, user)
	wr.set(user, slotAccess, set.Access)
	if id != nil {
		wr.set(user, slotID, set.ID)
	}
	if set.Refresh != "" {
		wr.set(user, slotRefresh, set.Refresh)
	}
	wr.clearOthers()
	return newSession(access, id, ""), nil
}

// verifyNew verifies a token that Cognito has issued a moment ago.
func (m *Manager) verifyNew(ctx context.Context, raw string, use tokens.Use) (*tokens.Token, error) {
	token, err := m.verifier.Verify(ctx, raw, use)
	refusal := (*tokens.VerifyError)(nil)
	if errors.As(err, &refusal) && !refusal.Reason.Final() {
		return nil, fmt.Errorf("session: start: %w: %w", tokens.ErrUnavailable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("session: start: %w", err)
	}
	return token, nil
}

// maxRevoked bounds the refresh tokens that one sign-out revokes.
const maxRevoked = 4

// End signs the user out: it clears the cookies of every session of this app
// client, whatever else fails, and has Cognito revoke their refresh tokens, so
// that copies of them are worth nothing. A refresh that is under way is waited
// for, and no late answer to one brings the session back: for a day, unless
// thousands of others sign out meanwhile, no cookie or bearer token of its sign-in
// is a session to this program. The browser is told to forget the pages that it
// keeps. It takes at most five seconds. The error is that of the revocation; the
// browser is signed out all the same.
//
// Tokens that nothing vouches for are revoked at the rate at which they would be
// refreshed: nobody can spend Cognito's quota through a sign-out.
func (m *Manager) End(w http.ResponseWriter, r *http.Request) error {
	j := m.read(r.Header)
	wr := m.writer(w, j)
	wr.drop()
	for i := range j.users {
		m.clear(wr, j.users[i].user)
	}
	wr.clearOthers()
	// Browsers keep whole pages for their back button, no-store or not, and show them
	// without asking (W3C Clear Site Data §3.1).
	w.Header().Set("Clear-Site-Data", `"cache"`)

	// A browser that does not wait for the answer has signed out nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), refreshLimit)
	defer cancel()
	all := j.all(slotRefresh)
	brought := m.refresher.ending(all)
	v := m.judge(ctx, j)
	m.refresher.end(append(brought, m.valid(ctx, j)...))
	// A revocation takes its time too.
	waiting, stop := context.WithTimeout(ctx, refreshLimit/2)
	defer stop()
	var errs []error
	for _, token := range all {
		if !m.refresher.mayRevoke(v.subject) {
			errs = append(errs, fmt.Errorf("%w to be revoked", errTooMany))
			break
		}
		if err := m.client.Revoke(ctx, m.refresher.settle(waiting, token)); err != nil && !signedOut(err) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("session: end: %w", err)
	}
	return nil
}

// valid returns the valid access tokens of all sessions, also of twins and of users whom
// LastAuthUser does not name, up to maxRevoked. What a refresh of an expired one has
// brought is known by its refresh token; who finds an expired one must not end a session.
func (m *Manager) valid(ctx context.Context, j *jar) (all []*tokens.Token) {
	for _, raw := range j.all(slotAccess) {
		if t, err := m.verifier.Verify(ctx, raw, tokens.Access); err == nil {
			all = append(all, t)
		}
	}
	return all
}

// clear removes one user's session. LastAuthUser goes too: it names a session
// that is no more.
func (m *Manager) clear(w *writer, user string) {
	for _, slot := range clearedSlots {
		always := slot == slotAccess || slot == slotID || slot == slotRefresh || !m.cookies.HTTPOnly
		w.remove(user, slot, always)
	}
	w.remove("", lastAuthUser, true)
}
