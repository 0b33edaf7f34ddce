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
	layout     names // of the cookies that sessions go to
	marker     names
	attributes cookie.Attributes // of the marker
}

// newTakeOver returns the takeOver of a valid configuration to a layout, or nil.
func newTakeOver(cfg *Config, layout names) *takeOver {
	if cfg.TakeOver.Before.IsZero() {
		return nil
	}
	own := cfg.Cookies.withDefaults()
	t := &takeOver{
		before: cfg.TakeOver.Before, lifetime: cfg.Lifetime, now: cfg.Now, amplify: newAmplifyLayout(cfg), layout: layout,
		marker: names{takeOverMarker + cfg.UserPool.ClientID + "="},
		attributes: cookie.Attributes{
			SameSite: own.SameSite, MaxAge: maxMaxAge, HTTPOnly: true, Insecure: own.Insecure, Partitioned: own.Partitioned,
		},
	}
	// Amplify may have written its cookies in another scope than a refresh here does.
	t.amplify.deleteElsewhereFrom = 1
	if !own.Insecure {
		t.marker.prefix = hostPrefix + t.marker.prefix
	}
	return t
}

// find returns Amplify's cookies of a request whose session may be taken over. If only
// another navigation may do that, the answer is none for later.
func (t *takeOver) find(w http.ResponseWriter, r *http.Request) requestCookies {
	cookies := t.cookies(r)
	if len(cookies) == 0 || t.isMarked(r) || w != nil && t.isSettled(w) {
		return nil
	}
	if page.IsOwnNavigation(r) {
		return cookies
	}
	if w != nil {
		cookie.MarkPrivate(w)
		w.Header().Add("Vary", "Sec-Fetch-Site")
	}
	return nil
}

// cookies returns Amplify's cookies of a request, if there is a token among them.
func (t *takeOver) cookies(r *http.Request) requestCookies {
	if t == nil {
		return nil
	}
	cookies := t.amplify.parse(r.Header, nil)
	if !slices.ContainsFunc(cookies, t.amplify.holdsTokens) {
		return nil
	}
	return cookies
}

// isOwnLine reports whether a Set-Cookie line is one of Amplify's, or the marker's.
func (t *takeOver) isOwnLine(line string) bool {
	return t != nil && (t.amplify.isOwnLine(line) || t.marker.isOwnLine(line))
}

// isMarked reports whether the browser has the marker. It is true without a takeOver.
func (t *takeOver) isMarked(r *http.Request) bool {
	return t == nil || slices.ContainsFunc(r.Header["Cookie"], func(header string) bool {
		name, _, _ := cookie.NextOf(header, t.marker.prefix)
		return name != ""
	})
}

// isSettled reports whether a sign-in, a sign-out or a takeover has come before on this
// answer. The handler may have lost the lines.
func (t *takeOver) isSettled(w http.ResponseWriter) bool {
	guarded := cookie.AnswerOf(w)
	return guarded != nil && guarded.Lines(t.layout.prefix).Settled || slices.ContainsFunc(w.Header()["Set-Cookie"], t.marker.isOwnLine)
}

// check returns the subject of a session that may be taken over. It looks at all tokens, and
// before any refresh.
func (t *takeOver) check(ctx context.Context, cookies requestCookies, verify func(context.Context, string, tokens.Use) (*tokens.Token, error)) (subject string, err error) {
	access, ids, refreshTokens := cookies.all(slotAccess), cookies.all(slotID), cookies.all(slotRefresh)
	_, all := cookies.users()
	switch {
	case len(access) == 0:
		return "", notTakenOver("there is no access token")
	case !all, len(access)+len(ids) > maxTakeOverTokens, len(refreshTokens) > 1:
		return "", notTakenOver("there are several sessions")
	}
	var newest *tokens.Token
	for i, raw := range append(access, ids...) {
		use := tokens.Access
		if i >= len(access) {
			use = tokens.ID
		}
		token, err := genuine(verify(ctx, raw, use))
		switch {
		case err != nil:
			return "", err
		case subject != "" && token.Subject() != subject:
			return "", notTakenOver("the tokens are several users'")
		case !t.isEarly(token):
			return "", notTakenOver("the user has not signed in before TakeOver.Before")
		}
		subject = token.Subject()
		if use == tokens.Access && (newest == nil || token.IssuedAt().After(newest.IssuedAt())) {
			newest = token
		}
	}
	if err := t.lifetime.overErr(takenOver(newSession(newest, nil, ""), ""), t.now()); err != nil {
		return "", signedOutBecause(err)
	}
	return subject, nil
}

// isOf reports whether a token is of the subject, and of a sign-in before the change.
func (t *takeOver) isOf(token *tokens.Token, subject string) bool {
	return token.Subject() == subject && t.isEarly(token)
}

// isEarly reports whether a token is of a sign-in before the change.
func (t *takeOver) isEarly(token *tokens.Token) bool {
	return !token.AuthTime().IsZero() && token.AuthTime().Before(t.before)
}

// isComplete reports whether nothing of a session is lost when its cookies are deleted. An
// ID token may be missing because its refresh has failed. A token that is older than the new
// cookies may become waits for its refresh.
func (t *takeOver) isComplete(s *Session, cookies requestCookies) bool {
	return (s.id != nil || len(cookies.all(slotID)) == 0) && t.now().Before(s.access.IssuedAt().Add(t.amplify.attributes.MaxAge))
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
	return newContent(s, refreshToken, s.access.IssuedAt())
}

// layoutFor returns the layout to fetch the session from.
func (t *takeOver) layoutFor(cookies requestCookies, subject string) *takeOverLayout {
	l := &takeOverLayout{amplifyLayout: t.amplify, takeOver: t, subject: subject}
	if all := cookies.all(slotRefresh); len(all) > 0 {
		l.refreshToken = all[0]
	}
	return l
}

// takeOverLayout is Amplify's, and knows the newest refresh token.
type takeOverLayout struct {
	*amplifyLayout
	takeOver     *takeOver
	subject      string
	refreshToken string
}

// users leaves out signInDetails, which no other layout has.
func (l *takeOverLayout) users(ctx context.Context, cookies requestCookies) (foundUsers, error) {
	found, err := l.amplifyLayout.users(ctx, cookies)
	for i := range found.users {
		found.users[i].details = nil
	}
	return found, err
}

// writeRefreshed writes nothing of another sign-in, whose refresh token was planted.
func (l *takeOverLayout) writeRefreshed(a answer, u *userCookies, got *refresh.Tokens, isEnded func() bool) {
	if !l.takeOver.isOf(got.Access, l.subject) {
		return
	}
	l.refreshToken = got.Refresh
	l.amplifyLayout.writeRefreshed(a, u, got, isEnded)
}

// clear deletes a session that is over. None is taken over after it.
func (l *takeOverLayout) clear(a answer, users []userCookies) {
	l.amplifyLayout.clear(a, users)
	l.takeOver.mark(a.w, a.r)
}

// deleteAmplify deletes a session that was taken over, and the lines of its refresh.
func (t *takeOver) deleteAmplify(w http.ResponseWriter, r *http.Request, cookies requestCookies) {
	users, _ := cookies.users()
	lines := t.amplify.writer(answer{w: w, r: r, cookies: cookies})
	lines.clearUsers(users)
	lines.deleteOthers()
	lines.finish()
}

// replace is called at a sign-in. It deletes Amplify's cookies and sets the marker.
func (t *takeOver) replace(w http.ResponseWriter, r *http.Request) {
	if cookies := t.cookies(r); len(cookies) > 0 {
		users, _ := cookies.users()
		t.amplify.clearAll(answer{w: w, r: r, cookies: cookies}, users)
	}
	t.mark(w, r)
}

// markPage sets the marker on a page, unless the browser has it.
func (t *takeOver) markPage(w http.ResponseWriter, r *http.Request) {
	if w != nil && page.MayClear(r) && !page.IsPrefetch(r) && !t.isMarked(r) && !t.isSettled(w) {
		t.mark(w, r)
	}
}

// mark sets the marker. A nil takeOver sets none.
func (t *takeOver) mark(w http.ResponseWriter, r *http.Request) {
	if t == nil {
		return
	}
	lines := newAnswerCookies(answer{w: w, r: r}, t.marker, t.attributes)
	lines.put(t.attributes.Line(strings.TrimSuffix(t.marker.prefix, "="), "1"))
	lines.finish()
}
