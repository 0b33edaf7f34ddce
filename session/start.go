package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// Start begins the session of tokens that Cognito has just issued: it verifies
// them, writes their cookies to w, and removes those of every earlier session of
// this app client, so that nothing of one survives a sign-in. After an error
// nothing is written.
//
// A refused token is a *tokens.VerifyError. New tokens that are out of their time,
// or signed with a key that is not known yet, show that a clock or a key set is
// wrong. They are tokens.ErrUnavailable too. Tokens of a sign-in that was signed out are
// [ErrSignInEnded], which is ErrSignedOut too: send the user to Cognito once more, with
// prompt=login. Without that, Cognito would go on with the old sign-in. With LayoutHandle,
// a store that does not take the session is tokens.ErrUnavailable.
func (m *Manager) Start(w http.ResponseWriter, r *http.Request, set *tokens.Set) (*Session, error) {
	s, err := m.Verify(r.Context(), set)
	if err != nil {
		return nil, err
	}
	c := newContent(s, strings.Clone(set.Refresh), m.now()) // a part of a body would keep all of it in memory
	if err := m.layout.writeSignIn(answer{w: w, r: r, cookies: m.parseCookies(r.Header, nil)}, s, c); err != nil {
		return nil, fmt.Errorf("session: start: %w", err)
	}
	m.takeOver.replace(w, r)
	return s, nil
}

// Verify verifies tokens that Cognito has just issued and returns their session, without
// an answer to write it to. Its errors are those of Start. Use it to look at a session
// before Start begins it, for example at the nonce of its ID token (OpenID Connect Core
// §3.1.3.7). Start does not verify the tokens again.
func (m *Manager) Verify(ctx context.Context, set *tokens.Set) (*Session, error) {
	if s := m.cached(ctx, inCookies, set.Access, set.ID, ""); s != nil && !m.refresher.IsTokenEnded(set.Refresh) {
		return s, nil
	}
	m.refresher.HearSignOuts(ctx, m.now())
	signOutCount := m.refresher.SignOutCount()
	access, err := m.verifyNew(ctx, set.Access, tokens.Access)
	if err != nil {
		return nil, err
	}
	var id *tokens.Token
	if set.ID != "" {
		if id, err = m.verifyNew(ctx, set.ID, tokens.ID); err != nil {
			return nil, err
		}
		if id.Subject() != access.Subject() {
			return nil, errors.New("session: start: the tokens are two users'")
		}
	}
	if access.Username() == "" {
		return nil, fmt.Errorf("session: start: %w", errNoUser)
	}
	if m.refresher.IsEnded(access) || m.refresher.IsTokenEnded(set.Refresh) {
		return nil, fmt.Errorf("session: start: %w", signedOutBecause(refresh.ErrEnded))
	}
	m.warnings.ofNewToken(access)
	m.notes.noteBeside(set.Access, set.Refresh, m.now())
	s := newSession(access, id, "")
	return m.store(s, set.Refresh, signOutCount), nil // the browser's next request shows it
}

// verifyNew verifies a token that Cognito has issued a moment ago.
func (m *Manager) verifyNew(ctx context.Context, raw string, use tokens.Use) (*tokens.Token, error) {
	token, err := m.verifyToken(ctx, strings.Clone(raw), use) // a part of a body would keep all of it in memory
	var refusal *tokens.VerifyError
	switch {
	case errors.As(err, &refusal) && !refusal.Reason.Final():
		m.warnings.ofRefusedNewToken(err)
		return nil, fmt.Errorf("session: start: %w: %w", tokens.ErrUnavailable, err)
	case err != nil:
		return nil, fmt.Errorf("session: start: %w", err)
	}
	return token, nil
}
