package session

import (
	"log/slog"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
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
	for s := slotAccess; int(s) < len(slotNames); s++ {
		if slotNames[s] == rest[dot+1:] {
			return rest[:dot], s
		}
	}
	return "", slotUnknown
}

// isOwn reports whether a Set-Cookie line is of this layout.
func (l *layout) isOwn(line string) bool { return strings.HasPrefix(line, l.prefix) }
