package session

import (
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// layout keeps a session in cookies as Amplify's client does with ssr: true. It alone
// knows the names, spellings, attributes and sizes of these cookies.
type layout struct {
	names
	attributes cookie.Attributes
	log        *slog.Logger

	logTooLarge, logDuplicates rate.Sometimes
}

func newLayout(clientID string, attributes Cookies, log *slog.Logger) *layout {
	l := &layout{names: names{namePrefix + clientID + "."}, attributes: cookie.Attributes(attributes.withDefaults()), log: log}
	l.logTooLarge.Interval, l.logDuplicates.Interval = time.Minute, time.Minute
	return l
}

// answer returns what writes the cookies of an answer to a request for host.
func (l *layout) answer(w http.ResponseWriter, host string, request requestCookies) *answerCookies {
	cookie.MarkPrivate(w)
	a := &answerCookies{names: l.names, attributes: l.attributes, tooLarge: l.warnOfTooLarge, header: w.Header(), request: request, host: host}
	if guarded := cookie.AnswerOf(w); guarded != nil {
		a.kept = guarded.Lines(l.prefix)
	}
	return a
}

// warnOfTooLarge says once a minute that browsers will drop a cookie.
func (l *layout) warnOfTooLarge(slot slot, size int) {
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
func (l *layout) writeRefreshed(answer http.ResponseWriter, host string, request requestCookies, u *userCookies, got *refresh.Tokens, page bool, isEnded func() bool) {
	w := l.answer(answer, host, request)
	if !w.mayRefresh(isEnded) {
		return
	}
	user := u.user
	if page {
		w.deleteElsewhereFrom = 2
	}
	if page || request.count("", slotLastAuthUser) == 0 {
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
func (l *layout) writeSignIn(answer http.ResponseWriter, host string, request requestCookies, user string, set *tokens.Set) {
	w := l.answer(answer, host, request)
	w.deleteElsewhereFrom = 1
	w.settle()
	w.set("", slotLastAuthUser, user)
	w.set(user, slotAccess, set.Access)
	if set.ID != "" {
		w.set(user, slotID, set.ID)
	}
	if set.Refresh != "" {
		w.set(user, slotRefresh, set.Refresh)
	}
	w.deleteOthers()
	w.finish()
}

// clear deletes the sessions of the users. LastAuthUser goes too, because it names a
// session that is over.
func (l *layout) clear(answer http.ResponseWriter, host string, request requestCookies, users []userCookies) {
	w := l.answer(answer, host, request)
	w.clearUsers(users)
	w.finish()
}

// clearAll deletes the sessions of the users, and every other one of this app client. It
// replaces the lines that the answer has so far, such as those of a refresh.
func (l *layout) clearAll(answer http.ResponseWriter, host string, request requestCookies, users []userCookies) {
	w := l.answer(answer, host, request)
	w.settle()
	w.clearUsers(users)
	w.deleteOthers()
	w.finish()
}

// warnOfDuplicates says once a minute that a cookie comes twice. One is never renewed.
func (l *layout) warnOfDuplicates(request requestCookies, users []userCookies) {
	several := len(users) > 1 || len(users[0].access) > 1 || len(users[0].refresh) > 1
	if several && request.haveDuplicates() {
		l.logDuplicates.Do(func() {
			l.log.Warn("session: a cookie comes twice: Cookies.Domain and Cookies.Path must equal the domain and path given to Amplify's CookieStorage",
				"Cookies.Domain", l.attributes.Domain, "Cookies.Path", l.attributes.Path)
		})
	}
}
