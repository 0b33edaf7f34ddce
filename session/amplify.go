package session

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
	"github.com/cognitogate/cognitogate/tokens"
)

// Amplify's cookie names are CognitoIdentityServiceProvider.<client>.<rest>, where rest
// is LastAuthUser or <user>.<slot>. The user's name may hold dots, so the slot is what
// follows the last dot.
const namePrefix = "CognitoIdentityServiceProvider."

// slot is what a cookie holds.
type slot uint8

const (
	slotUnknown slot = iota
	slotLastAuthUser
	slotAccess
	slotID
	slotRefresh
	slotClockDrift
	slotDetails
	slotOAuth
	slotDeviceKey
	slotDeviceGroup
	slotDevicePassword
)

var slotNames = [...]string{
	slotLastAuthUser: "LastAuthUser", slotAccess: "accessToken", slotID: "idToken", slotRefresh: "refreshToken",
	slotClockDrift: "clockDrift", slotDetails: "signInDetails", slotOAuth: "oauthMetadata",
	slotDeviceKey: "deviceKey", slotDeviceGroup: "deviceGroupKey", slotDevicePassword: "randomPasswordKey",
}

// clearedSlots are cleared with a session. Device cookies stay: they belong to the
// browser and its user, not to a sign-in.
var clearedSlots = []slot{slotAccess, slotID, slotRefresh, slotClockDrift, slotDetails, slotOAuth}

// fallbackUser is the user's name that Amplify takes without LastAuthUser.
const fallbackUser = "username"

// layout keeps a session in cookies as Amplify's client does with ssr: true. It alone
// knows the names, spellings, attributes and sizes of these cookies.
type layout struct {
	prefix     string // of our app client's cookie names
	attributes cookie.Attributes
	log        *slog.Logger

	logTooLarge, logDuplicates rate.Sometimes
}

func newLayout(clientID string, attributes Cookies, log *slog.Logger) *layout {
	l := &layout{prefix: namePrefix + clientID + ".", attributes: cookie.Attributes(attributes.withDefaults()), log: log}
	l.logTooLarge.Interval, l.logDuplicates.Interval = time.Minute, time.Minute
	return l
}

// name returns the name of a user's cookie as Amplify's client writes it.
func (l *layout) name(user string, slot slot) string {
	if slot == slotLastAuthUser {
		return l.prefix + slotNames[slot]
	}
	return l.prefix + cookie.EncodeName(user) + "." + slotNames[slot]
}

// parseName takes the part of a name after the prefix apart.
func parseName(rest string) (user string, _ slot) {
	if rest == slotNames[slotLastAuthUser] {
		return "", slotLastAuthUser
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 {
		return "", slotUnknown
	}
	switch rest[dot+1:] {
	case slotNames[slotAccess]:
		return rest[:dot], slotAccess
	case slotNames[slotID]:
		return rest[:dot], slotID
	case slotNames[slotRefresh]:
		return rest[:dot], slotRefresh
	}
	for s := slotClockDrift; int(s) < len(slotNames); s++ {
		if slotNames[s] == rest[dot+1:] {
			return rest[:dot], s
		}
	}
	return "", slotUnknown
}

// lastAuthUser returns the user that a LastAuthUser cookie names. A value that cannot be
// decoded names nobody, and an empty one is absent.
func (c *requestCookie) lastAuthUser() (user string, ok bool) {
	if c.slot != slotLastAuthUser {
		return "", false
	}
	user, ok = percent.Decode(c.value)
	return user, ok && user != "" && utf8.ValidString(user)
}

// writeRefreshed writes refreshed tokens in the order in which Amplify does. A script's
// answer may arrive when the browser has signed in as somebody else. So it writes only
// cookies that carry the user's name, and LastAuthUser only if there was none.
// clockDrift describes the browser's clock and stays as it is.
func (l *layout) writeRefreshed(h http.Header, request requestCookies, u *userCookies, access, id *tokens.Token, refresh string, page bool) {
	w := l.answer(h, request)
	user := u.user
	if page {
		w.deleteHostOnlyFrom = 2
	}
	if page || request.count("", slotLastAuthUser) == 0 {
		w.set("", slotLastAuthUser, user)
	}
	w.set(user, slotAccess, access.Raw())
	if id != nil {
		w.set(user, slotID, id.Raw())
	} else if page {
		w.delete(user, slotID, false)
	}
	w.set(user, slotRefresh, refresh)
	if details, ok := percent.Decode(u.signInDetails()); ok && details != "" && !l.attributes.HTTPOnly {
		w.set(user, slotDetails, details)
	}
	if page {
		for _, slot := range []slot{slotAccess, slotID, slotRefresh} {
			w.deleteOtherSpellings(user, slot)
		}
	}
}

// writeSignIn writes a new session and deletes every earlier one of this app client.
func (l *layout) writeSignIn(h http.Header, request requestCookies, user string, set *tokens.Set) {
	w := l.answer(h, request)
	w.deleteHostOnlyFrom = 1
	w.dropOwnLines()
	w.set("", slotLastAuthUser, user)
	w.set(user, slotAccess, set.Access)
	if set.ID != "" {
		w.set(user, slotID, set.ID)
	}
	if set.Refresh != "" {
		w.set(user, slotRefresh, set.Refresh)
	}
	w.deleteOthers()
}

// clear deletes the sessions of the users. LastAuthUser goes too, because it names a
// session that is over.
func (l *layout) clear(h http.Header, request requestCookies, users []userCookies) {
	w := l.answer(h, request)
	for i := range users {
		w.clear(users[i].user)
	}
}

// clearAll deletes the sessions of the users, and every other one of this app client. It
// replaces the lines that the answer has so far, such as those of a refresh.
func (l *layout) clearAll(h http.Header, request requestCookies, users []userCookies) {
	w := l.answer(h, request)
	w.dropOwnLines()
	for i := range users {
		w.clear(users[i].user)
	}
	w.deleteOthers()
}

// warnOfDuplicates says once a minute that the browser holds a cookie with and without a
// Domain. One of the two is never renewed.
func (l *layout) warnOfDuplicates(request requestCookies, users []userCookies) {
	several := len(users) > 1 || len(users[0].access) > 1 || len(users[0].refresh) > 1
	if several && request.haveDuplicates() {
		l.logDuplicates.Do(func() {
			l.log.Warn("session: a cookie comes twice: Cookies.Domain must equal the domain given to Amplify's CookieStorage")
		})
	}
}

// setsCookies reports whether an answer's header has lines of this layout.
func (l *layout) setsCookies(h http.Header) bool {
	return slices.ContainsFunc(h["Set-Cookie"], l.isOwn)
}

// isOwn reports whether a Set-Cookie line is of this layout.
func (l *layout) isOwn(line string) bool { return strings.HasPrefix(line, l.prefix) }
