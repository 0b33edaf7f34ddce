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

// TestManyUsersAtOnce has a thousand users, or 200, come in parallel, whose sessions do not all
// fit the cache, with their own cookies, with some of another user's among them, and
// with expired ones: each gets their own session or none, and only their own tokens.
func TestManyUsersAtOnce(t *testing.T) {
	// On a slow machine, a thousand refreshes take longer than one may.
	synctest.Test(t, manyUsersAtOnce)
}

func manyUsersAtOnce(t *testing.T) {
	users := longtest.Scale(200, 1000)
	all := make([]cognitotest.User, users)
	for i := range all {
		all[i].Username = fmt.Sprint("user", i)
	}
	p := open(t, func(c *session.Config) { c.CacheBytes = int64(users) << 11 }, all...)
	p.pool.SetRotation(true, 0)
	sets, next, subs := make([]*tokens.Set, users), make([]*tokens.Set, users), make([]string, users)
	subject := func(raw string) (sub string) {
		var claims struct{ Sub string }
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
		if err == nil {
			err = json.Unmarshal(payload, &claims)
		}
		if err != nil || claims.Sub == "" {
			t.Errorf("the token that is given out is none: %v", err)
		}
		return claims.Sub
	}
	// visit sends the cookies for user i and checks what comes back.
	visit := func(i int, set *tokens.Set) (s *session.Session, renewed *tokens.Set) {
		user := all[i].Username
		s, lines, err := p.fetch(script(p.cookies(user, set)...))
		if err == nil && (s.User() != session.User{ID: subs[i], Username: user} || s.AccessToken().Subject() != subs[i] || s.IDToken() != nil && s.IDToken().Subject() != subs[i]) {
			t.Errorf("%s gets the session of %s", user, s.User().Username)
		}
		if len(lines) == 0 {
			return s, nil
		}
		renewed = &tokens.Set{Access: p.value(lines, user+".accessToken"), ID: p.value(lines, user+".idToken"), Refresh: p.value(lines, user+".refreshToken")}
		if err != nil || subject(renewed.Access) != subs[i] || subject(renewed.ID) != subs[i] {
			t.Errorf("%s is given cookies of another user, with %v", user, err)
		}
		return s, renewed
	}
	// Every other user has an access token alone, which saves half of the signing.
	inParallel(users, users, func(i int) {
		if i%2 == 0 {
			sets[i] = p.pool.Issue(all[i].Username)
		} else {
			sets[i] = &tokens.Set{Access: p.pool.Issue(all[i].Username, accessOnly).Access}
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
	p.wait(2 * time.Hour)
	inParallel(users, users, func(i int) {
		// One in ten has another user's refresh token, which brings the other's tokens.
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
