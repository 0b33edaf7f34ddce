package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// verifyUsers verifies what the cookies hold. all reports whether users are all that
// LastAuthUser names.
//
// The tokens under each name are judged by their fit to the name; see rank. Several names
// are several sessions. Those whose token fits come before others, and then the best
// state wins.
func (m *Manager) verifyUsers(ctx context.Context, users []userCookies, all bool) *verification {
	v := newVerification(users)
	v.notAllChecked = !all
	m.verifyAccessTokens(ctx, v)
	for _, r := range v.users {
		if m.rankAliases(ctx, r, &v.checks) {
			v.notAllChecked, r.notAllChecked = true, true
		}
		r.choose()
	}
	slices.SortStableFunc(v.users, func(a, b *userResult) int {
		switch {
		case a.isBetterThan(b):
			return -1
		case b.isBetterThan(a):
			return 1
		}
		return 0
	})
	if len(v.users) > 0 {
		v.userResult = v.users[0]
	}
	m.verifyID(ctx, v.userResult, &v.checks)
	return v
}

// verifyAccessTokens verifies the access tokens of all users: first those that were
// verified before, which costs nothing, then one of each user before another of one.
func (m *Manager) verifyAccessTokens(ctx context.Context, v *verification) {
	if v.checks.several {
		for _, r := range v.users {
			for k, raw := range r.user.access {
				if token, err, ok := m.recall(raw, tokens.Access); ok {
					v.note(r, k, m.accessResultOf(token, err))
				}
			}
		}
	}
	// If the checks do not suffice for all, the user's own token may not be among those that
	// are left out each time. A client can make this process forget what was refused.
	offset := 0
	if v.unchecked() > v.checks.left {
		offset = rand.IntN(1 << 16)
	}
	for more := true; more; {
		more = false
		for i := range v.users {
			r := v.users[(i+offset)%len(v.users)]
			k := r.nextUnchecked(offset)
			switch {
			case k < 0:
			case v.checks.left == 0:
				v.notAllChecked, r.notAllChecked = true, true
			default:
				more = true
				v.note(r, k, m.accessResultOf(m.verifyRaw(ctx, r.user.access[k], tokens.Access, &v.checks)))
			}
		}
	}
}

// unchecked counts the access tokens that are not checked.
func (v *verification) unchecked() (n int) {
	for _, r := range v.users {
		for i := range r.all {
			if !r.all[i].checked {
				n++
			}
		}
	}
	return n
}

// nextUnchecked returns the position of an access token that is not checked, the first one
// from an offset on, or -1.
func (r *userResult) nextUnchecked(offset int) int {
	for i := range r.all {
		if k := (i + offset) % len(r.all); !r.all[k].checked {
			return k
		}
	}
	return -1
}

// note notes the result of a user's access token.
func (v *verification) note(r *userResult, position int, result accessResult) {
	result.checked = true
	if result.token != nil {
		result.rank = rankOf(result.token.Username(), r.user.user)
	}
	v.genuine = v.genuine || result.token != nil
	v.foreign = v.foreign || result.foreign
	if result.state == stateUndecided && v.undecidedErr == nil {
		v.undecidedErr = result.err
	}
	r.all[position] = result
}

// accessResultOf says what the result of verifying an access token means.
func (m *Manager) accessResultOf(token *tokens.Token, err error) accessResult {
	if err != nil {
		return m.refusedAccess(err)
	}
	switch {
	case token.Username() == "":
		return accessResult{state: stateRefused, err: errNoUser}
	case m.refresher.IsEnded(token): // an answer after the sign-out has restored the cookies
		return accessResult{state: stateRefused, token: token, ended: true, err: refresh.ErrEnded}
	}
	return accessResult{state: stateValid, token: token}
}

func (m *Manager) refusedAccess(err error) accessResult {
	result := accessResult{state: stateRefused, err: err}
	refusal, ok := errors.AsType[*tokens.VerifyError](err)
	if !ok || refusal.Reason == tokens.NotYetValid {
		result.state = stateUndecided
		return result
	}
	if t := refusal.Token; t != nil { // expired, or signed with a key that was removed
		if t.Username() == "" {
			result.err = errNoUser
			return result
		}
		result.token, result.ended = t, m.refresher.IsEnded(t)
	}
	result.foreign = refusal.ForeignIssuer != ""
	switch refusal.Reason {
	case tokens.Expired:
		result.state = stateExpired
	case tokens.UnknownKey:
		result.state = stateUnknown
	}
	return result
}
