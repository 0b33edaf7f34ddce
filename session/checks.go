package session

import (
	"context"
	"errors"
	"strings"

	"github.com/cognitogate/cognitogate/tokens"
)

// maxChecks bounds the signatures checked for one request, however many are planted.
const maxChecks = 24

// checks are the signature checks of one request.
type checks struct {
	left    int
	several bool // there is a choice of tokens, so what is found out is remembered
}

// verifyRaw verifies a token and counts the check if a signature had to be checked.
func (m *Manager) verifyRaw(ctx context.Context, raw string, use tokens.Use, c *checks) (*tokens.Token, error) {
	if c.several {
		raw = strings.Clone(raw) // else copyTokens has copied it
	}
	token, err := m.verifyToken(ctx, raw, use)
	if !wasChecked(err) {
		return nil, err
	}
	c.left--
	if c.several {
		m.checked.note(raw, use, token, err, m.now())
	}
	return token, err
}

// recall returns what an earlier check of a token has found out. It costs no check.
func (m *Manager) recall(raw string, use tokens.Use) (token *tokens.Token, err error, ok bool) {
	now := m.now()
	if use == tokens.Access {
		token = m.cache.access(raw)
	}
	if token == nil {
		if token, err = m.checked.find(raw, use, now); err != nil {
			return nil, err, true
		}
	}
	switch {
	case token == nil || !m.verifier.Trusted(now, token):
		return nil, nil, false
	case !now.Before(token.ExpiresAt()):
		return nil, &tokens.VerifyError{Reason: tokens.Expired, Use: use, Token: token}, true
	}
	return token, nil, true
}

// wasChecked reports whether Verify has checked a signature before it returned an error.
func wasChecked(err error) bool {
	if err == nil {
		return true
	}
	refusal, ok := errors.AsType[*tokens.VerifyError](err)
	switch {
	case !ok: // there are no keys now
		return false
	case refusal.Reason == tokens.Malformed, refusal.Reason == tokens.BadAlgorithm, refusal.Reason == tokens.BadIssuer:
		return false
	}
	return refusal.Reason != tokens.UnknownKey || refusal.Retired
}
