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
// or signed with a key that is not known yet, show that a clock or a key set is
// wrong. They are tokens.ErrUnavailable too.
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
		return nil, fmt.Errorf("session: start: %w", errNoUser)
	}
	m.layout.writeSignIn(w, r.Host, m.layout.parse(r.Header, nil), access.Username(), set)
	return newSession(access, id, ""), nil
}

// verifyNew verifies a token that Cognito has issued a moment ago.
func (m *Manager) verifyNew(ctx context.Context, raw string, use tokens.Use) (*tokens.Token, error) {
	token, err := m.verifyToken(ctx, raw, use)
	var refusal *tokens.VerifyError
	switch {
	case errors.As(err, &refusal) && !refusal.Reason.Final():
		return nil, fmt.Errorf("session: start: %w: %w", tokens.ErrUnavailable, err)
	case err != nil:
		return nil, fmt.Errorf("session: start: %w", err)
	}
	return token, nil
}
