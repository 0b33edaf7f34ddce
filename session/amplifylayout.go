package session

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// amplifyLayout keeps a session in cookies as Amplify's client does with ssr: true. It alone
// knows the names, spellings, attributes and sizes of these cookies.
type amplifyLayout struct {
	names
	attributes cookie.Attributes
	log        *slog.Logger

	// A page's refresh deletes a cookie in every other scope, if the request carried it at
	// least this often.
	deleteElsewhereFrom int

	logTooLarge, logDuplicates rate.Sometimes
}

func newAmplifyLayout(cfg *Config) *amplifyLayout {
	l := &amplifyLayout{names: names{namePrefix + cfg.UserPool.ClientID + "."}, attributes: cookie.Attributes(cfg.Cookies.withDefaults()), log: cfg.Logger, deleteElsewhereFrom: 2}
	l.logTooLarge.Interval, l.logDuplicates.Interval = time.Minute, time.Minute
	return l
}

// users returns the cookies of each user that LastAuthUser names.
func (l *amplifyLayout) users(_ context.Context, cookies requestCookies) (foundUsers, error) {
	users, all := cookies.users()
	return foundUsers{users: users, all: all}, nil
}

// takeUsers is users. Tokens of other users are in requestCookies.
func (l *amplifyLayout) takeUsers(ctx context.Context, cookies requestCookies) (foundUsers, error) {
	return l.users(ctx, cookies)
}

// clearStale does nothing: only a verification can tell which of Amplify's cookies are over.
func (l *amplifyLayout) clearStale(answer, []staleCookie) {}

// holdsTokens reports whether a cookie holds a token.
func (l *amplifyLayout) holdsTokens(c requestCookie) bool {
	return c.slot == slotAccess || c.slot == slotID || c.slot == slotRefresh
}

// writer returns what writes the cookies of an answer.
func (l *amplifyLayout) writer(a answer) *answerCookies {
	w := newAnswerCookies(a, l.names, l.attributes)
	w.tooLarge = l.warnOfTooLarge
	return w
}

// warnOfTooLarge says once a minute that browsers will drop a cookie.
func (l *amplifyLayout) warnOfTooLarge(slot slot, size int) {
	l.logTooLarge.Do(func() {
		l.log.Warn("session: a cookie is too large, browsers will drop it: put fewer groups or custom claims into the user pool's tokens",
			"cookie", string(slot), "bytes", size, "limit", cookie.MaxBytes)
	})
}

// writeRefreshed writes refreshed tokens in the order in which Amplify does. A script's
// answer may arrive when the browser has signed in as somebody else. So it writes only
// cookies that carry the user's name, and LastAuthUser only if there was none.
// clockDrift describes the browser's clock and stays as it is. isEnded reports whether
// the tokens' sign-in was ended.
func (l *amplifyLayout) writeRefreshed(a answer, u *userCookies, got *refresh.Tokens, isEnded func() bool) {
	w, page := l.writer(a), a.page
	if !w.mayRefresh(isEnded) {
		return
	}
	user := u.user
	if page {
		w.deleteElsewhereFrom = l.deleteElsewhereFrom
	}
	if page || a.cookies.count("", slotLastAuthUser) == 0 {
		w.set("", slotLastAuthUser, user)
	}
	w.set(user, slotAccess, got.Access.Raw())
	if got.ID != nil {
		w.set(user, slotID, got.ID.Raw())
	} else if page {
		w.delete(user, slotID, false)
	}
	w.set(user, slotRefresh, got.Refresh)
	if details, ok := percent.Decode(u.signInDetails()); ok && details != "" && !l.attributes.HTTPOnly {
		w.set(user, slotDetails, details)
	}
	if page {
		for _, slot := range []slot{slotAccess, slotID, slotRefresh} {
			w.deleteOtherSpellings(user, slot)
		}
	}
	w.finish()
}

// writeSignIn writes a new session and deletes every earlier one of this app client.
func (l *amplifyLayout) writeSignIn(a answer, s *Session, c *content) error {
	w, user := l.writer(a), s.access.Username()
	w.deleteElsewhereFrom = 1
	w.settle()
	w.set("", slotLastAuthUser, user)
	w.set(user, slotAccess, c.Access)
	if c.ID != "" {
		w.set(user, slotID, c.ID)
	}
	if c.Refresh != "" {
		w.set(user, slotRefresh, c.Refresh)
	}
	w.deleteOthers()
	w.finish()
	return nil
}

// writeTakenOver is not called: nothing is taken over to these cookies.
func (l *amplifyLayout) writeTakenOver(answer, *Session, *content, func() bool) error {
	return errNotTakenOver
}

// clear deletes the sessions of the users. LastAuthUser goes too, because it names a
// session that is over.
func (l *amplifyLayout) clear(a answer, users []userCookies) {
	w := l.writer(a)
	w.clearUsers(users)
	w.finish()
}

// clearAll deletes the sessions of the users, and every other one of this app client. It
// replaces the lines that the answer has so far, such as those of a refresh.
func (l *amplifyLayout) clearAll(a answer, users []userCookies) {
	w := l.writer(a)
	w.settle()
	w.clearUsers(users)
	w.deleteOthers()
	w.finish()
}

// warnOfDuplicates says once a minute that a cookie comes twice. One is never renewed.
func (l *amplifyLayout) warnOfDuplicates(request requestCookies, users []userCookies) {
	several := len(users) > 1 || len(users[0].access) > 1 || len(users[0].refresh) > 1
	if several && request.haveDuplicates() {
		l.logDuplicates.Do(func() {
			l.log.Warn("session: a cookie comes twice: Cookies.Domain and Cookies.Path must equal the domain and path given to Amplify's CookieStorage",
				"Cookies.Domain", l.attributes.Domain, "Cookies.Path", l.attributes.Path)
		})
	}
}
