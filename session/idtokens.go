package session

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/cognitogate/cognitogate/tokens"
)

// verifyID looks for the session's ID token: the latest valid one of the session's user.
// A refused one, or one of another user, is worth a refresh. Without a genuine access
// token an ID token still tells whose the session is, unless several that fit the user's
// name equally well name several users. A session whose access token has expired is
// refreshed whatever its ID token is, and its user is known.
func (m *Manager) verifyID(ctx context.Context, r *userResult, c *checks) {
	if r.state < stateMissing || r.state == stateExpired {
		return
	}
	m.checkIDs(ctx, r, c)
	if r.subject == "" {
		if r.genuineToken, r.rank = r.claimed(); r.genuineToken != nil {
			r.subject = r.genuineToken.Subject()
		}
	}
	for i := range r.ids {
		result := r.ids[i]
		switch t := result.token; {
		case t == nil:
		case t.Subject() != r.subject:
			result.state = idBroken
		case result.state == idFine && (r.id == nil || t.IssuedAt().After(r.id.IssuedAt())):
			r.id = t
		}
		if i == 0 || result.state < r.idState {
			r.idState = result.state
		}
	}
}

// rankAliases looks among the user's ID tokens for a reason to believe that the name in
// the cookies is an alias, if no access token fits the name. It reports whether there may be one that
// could not be checked for want of checks.
func (m *Manager) rankAliases(ctx context.Context, r *userResult, c *checks) (notAll bool) {
	genuine := false
	for i := range r.all {
		if a := &r.all[i]; a.token != nil {
			if genuine = true; a.rank < rankOther {
				return false
			}
		}
	}
	if !genuine {
		return false
	}
	m.checkIDs(ctx, r, c)
	found := false
	for k := range r.ids {
		id := &r.ids[k]
		if !id.checked {
			notAll = true
			continue
		}
		if id.token == nil || !isAlias(id.token, r.user.user) {
			continue
		}
		for i := range r.all {
			if a := &r.all[i]; a.token != nil && a.token.Subject() == id.token.Subject() {
				a.rank, found = rankAlias, true
			}
		}
	}
	return notAll && !found
}

// checkIDs verifies the user's ID tokens, those first that were verified before.
func (m *Manager) checkIDs(ctx context.Context, r *userResult, c *checks) {
	if r.ids != nil || len(r.user.id) == 0 {
		return
	}
	if r.ids = r.oneID[:]; len(r.user.id) > 1 {
		r.ids = make([]idResult, len(r.user.id))
	}
	if c.several {
		for i, raw := range r.user.id {
			if token, err, ok := m.recall(raw, tokens.ID); ok {
				r.ids[i] = idResultOf(token, err)
			}
		}
	}
	offset := 0
	if len(r.user.id) > c.left { // as for access tokens
		offset = rand.IntN(1 << 16)
	}
	for k := range r.user.id {
		i := (k + offset) % len(r.user.id)
		raw := r.user.id[i]
		switch {
		case r.ids[i].checked:
		case c.left == 0:
			r.ids[i].state = idUndecided
		default:
			r.ids[i] = idResultOf(m.verifyRaw(ctx, raw, tokens.ID, c))
		}
	}
}

func idResultOf(token *tokens.Token, err error) idResult {
	if err == nil {
		return idResult{true, idFine, token}
	}
	refusal, ok := errors.AsType[*tokens.VerifyError](err)
	switch {
	case !ok, refusal.Reason == tokens.NotYetValid:
		return idResult{true, idUndecided, nil}
	case refusal.Reason == tokens.Expired:
		return idResult{true, idExpired, refusal.Token}
	}
	return idResult{true, idBroken, refusal.Token} // of a key that was removed, if there is one
}
