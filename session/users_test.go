package session_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestUsersNeverMeet has many users come at once, whose sessions do not all fit into the
// cache. They show their own cookies, with another user's among them, and expired ones.
// No user gets a session or a token of another.
func TestUsersNeverMeet(t *testing.T) {
	t.Parallel()
	// In a bubble, a slow machine lets no refresh time out.
	synctest.Test(t, usersNeverMeet)
}

func usersNeverMeet(t *testing.T) {
	users := longtest.Scale(50, 1000)
	all := make([]cognitotest.User, users)
	for i := range all {
		all[i].Username = fmt.Sprint("user", i)
	}
	e := newEnv(t, func(c *session.Config) { c.CacheBytes = int64(users) << 11 }, all...)
	e.server.SetRotation(true, 0)
	sets, next, subs := make([]*tokens.Set, users), make([]*tokens.Set, users), make([]string, users)
	subject := func(raw string) (sub string) {
		var claims struct{ Sub string }
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
		if err == nil {
			err = json.Unmarshal(payload, &claims)
		}
		if err != nil || claims.Sub == "" {
			t.Errorf("a cookie is set that holds no token: %v", err)
		}
		return claims.Sub
	}
	// visit sends cookies as user i and checks the answer.
	visit := func(i int, set *tokens.Set) (s *session.Session, renewed *tokens.Set) {
		user := all[i].Username
		s, lines, err := e.fetch(scriptRequest(e.cookies(user, set)...))
		if err == nil && (s.User() != session.User{ID: subs[i], Username: user} || s.AccessToken().Subject() != subs[i] || s.IDToken() != nil && s.IDToken().Subject() != subs[i]) {
			t.Errorf("%s gets the session of %s", user, s.User().Username)
		}
		if len(lines) == 0 {
			return s, nil
		}
		renewed = e.tokensOf(user, lines)
		if err != nil || subject(renewed.Access) != subs[i] || subject(renewed.ID) != subs[i] {
			t.Errorf("%s gets cookies of another user, with %v", user, err)
		}
		return s, renewed
	}
	// Every second user has an access token alone, which saves signatures.
	inParallel(users, users, func(i int) {
		if i%2 == 0 {
			sets[i] = e.server.Issue(all[i].Username)
		} else {
			sets[i] = &tokens.Set{Access: e.server.Issue(all[i].Username, accessOnly).Access}
		}
		subs[i] = subject(sets[i].Access)
	})
	other := func(i int) *tokens.Set { return sets[(i/2*2+2)%users] }
	inParallel(users, users, func(i int) {
		for _, set := range []*tokens.Set{sets[i], {Access: sets[i].Access, ID: other(i).ID}, sets[i]} {
			if s, renewed := visit(i, set); s == nil || renewed != nil || (s.IDToken() != nil) != (set == sets[i] && i%2 == 0) {
				t.Errorf("%s: %v with ID token %v", all[i].Username, s, s.IDToken())
			}
		}
	})
	e.advance(2 * time.Hour)
	inParallel(users, users, func(i int) {
		// One in ten shows another user's refresh token too, which brings the other's tokens.
		if i%10 == 0 {
			visit(i, &tokens.Set{Access: sets[i].Access, ID: sets[i].ID, Refresh: other(i).Refresh})
		}
		s, renewed := visit(i, sets[i])
		if (s != nil) != (i%2 == 0) || (renewed != nil) != (s != nil) {
			t.Errorf("%s is expired: %v", all[i].Username, s)
		}
		next[i] = renewed
	})
	inParallel(users, users, func(i int) {
		if next[i] == nil {
			return
		}
		if s, renewed := visit(i, next[i]); s == nil || renewed != nil || s.IDToken() == nil {
			t.Errorf("%s, after the refresh: %v", all[i].Username, s)
		}
	})
}
