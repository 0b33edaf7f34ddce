package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	maxTakeOverTokens = 8 // access and ID tokens
	takeOverMarker    = "cognitogate.takeover."
)

// takeOver finds the sessions that may be taken over. A nil takeOver finds none.
type takeOver struct {
	before     time.Time
	lifetime   Lifetime
	now        func() time.Time
	amplify    *amplifyLayout
	marker     names
	attributes cookie.Attributes // of the marker
}

// newTakeOver returns the takeOver of a valid configuration, or nil.
func newTakeOver(cfg *Config) *takeOver {
	if cfg.TakeOver.Before.IsZero() {
		return nil
	}
	own := cfg.Cookies.withDefaults()
	t := &takeOver{
		before: cfg.TakeOver.Before, lifetime: cfg.Lifetime, now: cfg.Now, amplify: newAmplifyLayout(cfg),
		marker: names{takeOverMarker + cfg.UserPool.ClientID + "="},
		attributes: cookie.Attributes{
			SameSite: own.SameSite, MaxAge: maxMaxAge, HTTPOnly: true, Insecure: own.Insecure, Partitioned: own.Partitioned,
		},
	}
	if !own.Insecure {
		t.marker.prefix = hostPrefix + t.marker.prefix
	}
	return t
}

// find returns Amplify's cookies of a request, if its session may be taken over.
func (t *takeOver) find(w http.ResponseWriter, r *http.Request) requestCookies {
	if t == nil || w == nil || page.IsPrefetch(r) || !page.IsOwnNavigation(r) || t.isMarked(r) || t.isMarkedBy(w) {
		return nil
	}
	return t.amplify.parse(r.Header, nil)
}

// isMarked reports whether the browser has the marker.
func (t *takeOver) isMarked(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Cookie"], func(header string) bool {
		name, _, _ := cookie.NextOf(header, t.marker.prefix)
		return name != ""
	})
}

// isMarkedBy reports whether the answer sets the marker: a sign-in, a sign-out or a
// takeover has come before.
func (t *takeOver) isMarkedBy(w http.ResponseWriter) bool {
	return slices.ContainsFunc(w.Header()["Set-Cookie"], t.marker.isOwnLine)
}

// check reports why a session is not taken over. It looks at all tokens, because a refresh
// of a session that is not taken over would leave the browser with an old refresh token.
func (t *takeOver) check(ctx context.Context, cookies requestCookies, verify func(context.Context, string, tokens.Use) (*tokens.Token, error)) error {
	access, ids, refreshTokens := cookies.all(slotAccess), cookies.all(slotID), cookies.all(slotRefresh)
	switch {
	case len(access) == 0:
		return notTakenOver("there is no access token")
	case len(access)+len(ids) > maxTakeOverTokens, len(refreshTokens) > 1, len(cookies) == maxCookies:
		return notTakenOver("there are several sessions")
	}
	subject := ""
	for i, raw := range append(access, ids...) {
		use := tokens.Access
		if i >= len(access) {
			use = tokens.ID
		}
		token, err := genuine(verify(ctx, raw, use))
		switch {
		case err != nil:
			return err
		case subject != "" && token.Subject() != subject:
			return notTakenOver("the tokens are several users'")
		case token.AuthTime().IsZero() || !token.AuthTime().Before(t.before):
			return notTakenOver("the user has not signed in before TakeOver.Before")
		}
		subject = token.Subject()
		if use == tokens.Access {
			if err := t.lifetime.overErr(takenOver(newSession(token, nil, ""), ""), t.now()); err != nil {
				return signedOutBecause(err)
			}
		}
	}
	return nil
}

// genuine returns a token that Cognito has certainly issued, though it may have expired.
// Otherwise it returns the error of a takeover.
func genuine(token *tokens.Token, err error) (*tokens.Token, error) {
	var refusal *tokens.VerifyError
	switch {
	case err == nil:
		return token, nil
	case !errors.As(err, &refusal), refusal.Reason == tokens.NotYetValid:
		return nil, unavailable(err)
	case refusal.Token == nil:
		return nil, notTakenOver("a token is refused")
	}
	return refusal.Token, nil
}

func notTakenOver(why string) error {
	return signedOutBecause(fmt.Errorf("%w: %s", errNotTakenOver, why))
}

// takenOver returns the content of a session that is taken over. It is the same in all
// answers, of all replicas, because a browser may ask for several pages at once.
func takenOver(s *Session, refreshToken string) *content {
	c := newContent(s, refreshToken, s.access.IssuedAt())
	c.SignedIn = s.access.AuthTime()
	return c
}

// layoutFor returns the layout to fetch the session from.
func (t *takeOver) layoutFor(cookies requestCookies) *takeOverLayout {
	l := &takeOverLayout{amplifyLayout: t.amplify}
	if all := cookies.all(slotRefresh); len(all) > 0 {
		l.refreshToken = all[0]
	}
	return l
}

// takeOverLayout is Amplify's, but for a refresh, which writes nothing there.
type takeOverLayout struct {
	*amplifyLayout
	refreshToken string // the newest one
}

// users leaves out signInDetails, which no other layout has.
func (l *takeOverLayout) users(ctx context.Context, cookies requestCookies) (foundUsers, error) {
	found, err := l.amplifyLayout.users(ctx, cookies)
	for i := range found.users {
		found.users[i].details = nil
	}
	return found, err
}

func (l *takeOverLayout) writeRefreshed(_ answer, _ *userCookies, got *refresh.Tokens, _ func() bool) {
	l.refreshToken = got.Refresh
}

// finish deletes Amplify's cookies and sets the marker. A nil takeOver does nothing.
func (t *takeOver) finish(w http.ResponseWriter, r *http.Request) {
	if t == nil {
		return
	}
	if cookies := t.amplify.parse(r.Header, nil); len(cookies) > 0 {
		users, _ := cookies.users()
		t.amplify.clearAll(answer{w: w, r: r, cookies: cookies}, users)
	}
	marker := newAnswerCookies(answer{w: w, r: r}, t.marker, t.attributes)
	marker.put(t.attributes.Line(strings.TrimSuffix(t.marker.prefix, "="), "1"))
	marker.finish()
}
