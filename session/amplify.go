package session

import (
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// Amplify's cookie names are CognitoIdentityServiceProvider.<client>.<rest>, where rest
// is LastAuthUser or <user>.<slot>. The user's name may hold dots, so the slot is what
// follows the last dot.
const namePrefix = "CognitoIdentityServiceProvider."

// slot is what a cookie holds, as its name says it.
type slot string

const (
	slotLastAuthUser   slot = "LastAuthUser"
	slotAccess         slot = "accessToken"
	slotID             slot = "idToken"
	slotRefresh        slot = "refreshToken"
	slotClockDrift     slot = "clockDrift"
	slotDetails        slot = "signInDetails"
	slotOAuth          slot = "oauthMetadata"
	slotUserData       slot = "userData" // Amplify v5: the user's attributes
	slotDeviceKey      slot = "deviceKey"
	slotDeviceGroup    slot = "deviceGroupKey"
	slotDevicePassword slot = "randomPasswordKey"
)

// clearedSlots are cleared with a session. Device cookies stay: they belong to the
// browser and its user, not to a sign-in.
var clearedSlots = []slot{slotAccess, slotID, slotRefresh, slotClockDrift, slotDetails, slotOAuth, slotUserData}

// fallbackUser is the user's name that Amplify takes without LastAuthUser.
const fallbackUser = "username"

// names are those of one app client's cookies.
type names struct{ prefix string }

// name returns the name of a user's cookie as Amplify's client writes it.
func (n names) name(user string, slot slot) string {
	if slot == slotLastAuthUser {
		return n.prefix + string(slot)
	}
	return n.prefix + cookie.EncodeName(user) + "." + string(slot)
}

// parseName takes the part of a name after the prefix apart.
func parseName(rest string) (user string, _ slot) {
	dot := strings.LastIndexByte(rest, '.')
	s := slot(rest[dot+1:])
	if (dot < 0) != (s == slotLastAuthUser) {
		return "", ""
	}
	return rest[:max(dot, 0)], s
}

// isOwnLine reports whether a Set-Cookie line is of one of these cookies.
func (n names) isOwnLine(line string) bool { return strings.HasPrefix(line, n.prefix) }
