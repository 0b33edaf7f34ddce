package session

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// refreshOrder returns the user's refresh tokens in the order to try them in. The first
// ones are those that this process has seen beside an access token of the session's user.
// Then comes the one at the same position among its duplicates as the access token. Those
// that were tried in vain come last.
func (m *Manager) refreshOrder(r *userResult) []string {
	if len(r.user.refresh) < 2 {
		return r.user.refresh
	}
	type place struct {
		token string
		at    int
	}
	now, device := m.now(), r.device()
	places := make([]place, len(r.user.refresh))
	for i, token := range r.user.refresh {
		subject, tried := m.notes.wasTried(token, device, now)
		if beside := m.subjectBeside(r, token); beside != "" {
			subject = beside
		}
		switch {
		case subject == "" && !tried && i == r.position:
			places[i] = place{token, 1}
		case subject == "" && !tried:
			places[i] = place{token, 2}
		case subject == "":
			places[i] = place{token, 3}
		case subject == r.subject:
			places[i] = place{token, 0}
		default:
			places[i] = place{token, 4}
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	order := make([]string, len(places))
	for i := range places {
		order[i] = places[i].token
	}
	return order
}

// isOtherUsers reports whether a refresh token is known to be of another user than the
// session's. Cognito is not asked about it: with rotation that would spend it. If the name
// in the cookies does not fit the session, it may be the other user's.
func (m *Manager) isOtherUsers(r *userResult, refreshToken string) bool {
	if r.subject == "" || r.rank == rankOther {
		return false
	}
	subject, _ := m.notes.wasTried(refreshToken, r.device(), m.now())
	if subject == "" {
		subject = m.subjectBeside(r, refreshToken)
	}
	return subject != "" && subject != r.subject
}

// subjectBeside returns the subject of the genuine access token that the refresh token was
// seen beside, if it is among the user's cookies.
func (m *Manager) subjectBeside(r *userResult, refreshToken string) string {
	if t := m.besideOf(r, refreshToken); t != nil {
		return t.Subject()
	}
	return ""
}

// besideOf returns the genuine access token in the user's cookies that this process has seen
// alone beside the refresh token, or nil.
func (m *Manager) besideOf(r *userResult, refreshToken string) *tokens.Token {
	for i := range r.all {
		if t := r.all[i].token; t != nil && m.notes.wereBeside(t.Raw(), refreshToken, m.now()) {
			return t
		}
	}
	return nil
}

// evidence returns what a request shows beside one of the user's refresh tokens.
func (m *Manager) evidence(r *http.Request, result *userResult, refreshToken string) refresh.Evidence {
	return refresh.Evidence{Genuine: result.genuineTokens(), Beside: m.besideOf(result, refreshToken), Client: m.clientAddress(r)}
}
