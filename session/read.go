package session

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// Amplify's cookie names are CognitoIdentityServiceProvider.<client>.<rest>,
// where rest is LastAuthUser or <user>.<slot>. The user's name may hold dots, so
// a slot is what follows the last one.
const (
	lastAuthUser    = "LastAuthUser"
	slotAccess      = "accessToken"
	slotID          = "idToken"
	slotRefresh     = "refreshToken"
	slotDrift       = "clockDrift"
	slotDetails     = "signInDetails"
	slotOAuth       = "oauthMetadata"
	slotDeviceKey   = "deviceKey"
	slotDeviceGroup = "deviceGroupKey"
	slotDevicePass  = "randomPasswordKey"
)

// nobody is the user's name that Amplify falls back to without LastAuthUser.
const nobody = "username"

// clearedSlots are cleared with a session. Device cookies stay: they belong to
// the browser and its user, not to a sign-in.
var clearedSlots = []string{slotAccess, slotID, slotRefresh, slotDrift, slotDetails, slotOAuth}

// pair is one cookie of our app client, as the browser sent it.
type pair struct {
	name, value string
	user, slot  string // decoded; user is "" for LastAuthUser
}

// jar is what a request's cookies say of our app client.
type jar struct {
	pairs []pair
	users []userCookies // one for each LastAuthUser value, in header order
}

// userCookies are the values that one user's cookies hold, decoded, in header
// order. A name that comes twice has several: a cookie set with a Domain beside
// one without, or one that was planted from a sibling domain.
type userCookies struct {
	user                string
	access, id, refresh []string
	details             []string
	deviceKey           []string
	deviceGroup         []string
	devicePass          []string
}

// read finds our app client's cookies in the request. It scans the raw header
// once: r.Cookies would allocate for every cookie and lose some of ours.
func (m *Manager) read(h http.Header) *jar {
	var j jar
	for _, header := range h["Cookie"] {
		for name, value, rest := cookie.Next(header); name != ""; name, value, rest = cookie.Next(rest) {
			if strings.HasPrefix(name, m.prefix) {
				j.pairs = append(j.pairs, parsePair(name, value, name[len(m.prefix):]))
			}
		}
	}
	var names []string
	for _, p := range j.pairs {
		if p.slot != lastAuthUser {
			continue
		}
		// An undecodable value names nobody; an empty one is absent.
		if u, ok := cookie.Decode(p.value); ok && u != "" && !slices.Contains(names, u) {
			names = append(names, u)
		}
	}
	if len(names) == 0 && len(j.pairs) > 0 {
		names = append(names, nobody)
	}
	for _, u := range names {
		j.users = append(j.users, j.collect(u))
	}
	return &j
}

// parsePair takes the rest of a name apart.
func parsePair(name, value, rest string) pair {
	p := pair{name: name, value: value}
	if rest == lastAuthUser {
		p.slot = lastAuthUser
		return p
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 {
		return p
	}
	p.slot = rest[dot+1:]
	p.user, _ = cookie.Decode(rest[:dot])
	return p
}

// is reports whether the pair is one of the user's. Names are compared decoded,
// so that every spelling that browsers hold is found: that of Amplify's client,
// that of its server adapter, which differs for parentheses (W7), and the raw and
// the doubly encoded names that older adapters wrote.
func (p pair) is(user string) bool {
	if p.user == user {
		return true
	}
	if strings.IndexByte(p.user, '%') < 0 {
		return false
	}
	twice, ok := cookie.Decode(p.user)
	return ok && twice == user
}

func (j *jar) collect(user string) userCookies {
	u := userCookies{user: user}
	for _, p := range j.pairs {
		if p.user == "" || !p.is(user) {
			continue
		}
		var list *[]string
		switch p.slot {
		case slotAccess:
			list = &u.access
		case slotID:
			list = &u.id
		case slotRefresh:
			list = &u.refresh
		case slotDetails:
			list = &u.details
		case slotDeviceKey:
			list = &u.deviceKey
		case slotDeviceGroup:
			list = &u.deviceGroup
		case slotDevicePass:
			list = &u.devicePass
		default:
			continue
		}
		// Like Amplify, a value that cannot be decoded or is empty is absent.
		if v, ok := cookie.Decode(p.value); ok && v != "" {
			*list = append(*list, v)
		}
	}
	return u
}

// device is the device key to refresh with: Amplify sends it only when all three
// cookies of a remembered device are there.
func (u *userCookies) device() string {
	if len(u.deviceKey) == 0 || len(u.deviceGroup) == 0 || len(u.devicePass) == 0 {
		return ""
	}
	return u.deviceKey[0]
}

func (u *userCookies) signInDetails() string {
	if len(u.details) == 0 {
		return ""
	}
	return u.details[0]
}

// refreshTokens returns at most two refresh tokens to try: the one at the same
// position among its twins as the access token that speaks for the session, or
// the first, and one other.
func (u *userCookies) refreshTokens(position int) []string {
	if len(u.refresh) == 0 {
		return nil
	}
	first := u.refresh[0]
	if position < len(u.refresh) {
		first = u.refresh[position]
	}
	try := []string{first}
	for _, other := range u.refresh {
		if other != first {
			return append(try, other)
		}
	}
	return try
}
