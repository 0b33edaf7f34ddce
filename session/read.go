package session

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
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

// nobody is the user's name that Amplify falls back to without LastAuthUser (W6).
const nobody = "username"

// clearedSlots are cleared with a session. Device cookies stay: they belong to
// the browser and its user, not to a sign-in.
var clearedSlots = []string{slotAccess, slotID, slotRefresh, slotDrift, slotDetails, slotOAuth}

// What is looked at of one request. No browser keeps as many cookies for a site;
// a program that sends more gains nothing by it.
const (
	maxPairs = 256 // cookies of our app client
	maxUsers = 4   // different values of LastAuthUser
)

// pair is one cookie of our app client, as the browser sent it.
type pair struct {
	name, value string
	slot        string
	raw         string // the user's part of the name, "" for LastAuthUser
	user        string // raw decoded, "" if that cannot be done
}

// jar is what a request's cookies say of our app client.
type jar struct {
	pairs []pair
	users []userCookies // one for each LastAuthUser value, in header order
	first [1]userCookies
}

// emptyJar is shared by all requests without a cookie of ours.
var emptyJar = new(jar)

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

// glance returns the texts of the usual request's session, as they stand in its
// cookies: one user, each cookie once. It allocates nothing. For every other request
// access is empty, and read sorts it out.
func (m *Manager) glance(h http.Header) (access, id, details string) {
	var last, accessOf, idOf, detailsOf string
	for _, header := range h["Cookie"] {
		for name, value, rest := cookie.NextOf(header, m.prefix); name != ""; name, value, rest = cookie.NextOf(rest, m.prefix) {
			name = name[len(m.prefix):]
			user, slot := "", name
			if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
				user, slot = name[:dot], name[dot+1:]
			}
			var text, of *string
			switch slot {
			case lastAuthUser:
				text, of = &last, &last
			case slotAccess:
				text, of = &access, &accessOf
			case slotID:
				text, of = &id, &idOf
			case slotDetails:
				text, of = &details, &detailsOf
			default:
				continue
			}
			if *text != "" || value == "" || user == "" && slot != lastAuthUser || user != "" && slot == lastAuthUser {
				return "", "", ""
			}
			if *text = value; of != text {
				*of = user
			}
		}
	}
	if accessOf == "" || id != "" && idOf != accessOf || details != "" && detailsOf != accessOf ||
		strings.IndexByte(access, '%') >= 0 || strings.IndexByte(id, '%') >= 0 {
		return "", "", ""
	}
	user, ok := percent.Decode(last)
	if named, also := percent.Decode(accessOf); !ok || !also || user != named || user == "" || !utf8.ValidString(user) {
		return "", "", ""
	}
	return access, id, details
}

// read finds our app client's cookies in the request. It scans the raw header
// once: r.Cookies would allocate for every cookie and lose some of ours.
func (m *Manager) read(h http.Header) *jar {
	var pairs []pair
	for _, header := range h["Cookie"] {
		name, value, rest := cookie.NextOf(header, m.prefix)
		for name != "" && len(pairs) < maxPairs {
			if pairs == nil {
				pairs = make([]pair, 0, 10) // more than Amplify sets
			}
			pairs = append(pairs, parsePair(name, value, name[len(m.prefix):]))
			name, value, rest = cookie.NextOf(rest, m.prefix)
		}
	}
	if pairs == nil {
		return emptyJar
	}
	j := &jar{pairs: pairs}
	j.users = j.first[:0]
	for _, p := range pairs {
		if p.slot != lastAuthUser || len(j.users) == maxUsers {
			continue
		}
		// A value that cannot be decoded names nobody; an empty one is absent.
		u, ok := percent.Decode(p.value)
		if ok && u != "" && utf8.ValidString(u) && !j.names(u) {
			j.users = append(j.users, j.collect(u))
		}
	}
	if len(j.users) == 0 {
		j.users = append(j.users, j.collect(nobody))
	}
	return j
}

// only returns the texts of the session if there is no choice of any of them; else
// access is empty.
func (j *jar) only() (access, id, details string) {
	u := &j.users[0]
	if len(j.users) > 1 || len(u.access) != 1 || len(u.id) > 1 || len(u.details) > 1 {
		return "", "", ""
	}
	if len(u.id) == 1 {
		id = u.id[0]
	}
	return u.access[0], id, u.signInDetails()
}

// parsePair takes the rest of a name apart. LastAuthUser is a slot of no user.
func parsePair(name, value, rest string) pair {
	p := pair{name: name, value: value}
	dot := strings.LastIndexByte(rest, '.')
	switch {
	case rest == lastAuthUser:
		p.slot = lastAuthUser
	case dot >= 0 && rest[dot+1:] != lastAuthUser:
		p.slot, p.raw = rest[dot+1:], rest[:dot]
		p.user, _ = percent.Decode(p.raw)
	}
	return p
}

func (j *jar) names(user string) bool {
	return slices.ContainsFunc(j.users, func(u userCookies) bool { return u.user == user })
}

// is reports whether the pair is one of the user's. Names are compared decoded,
// so that every spelling that browsers hold is found: that of Amplify's client,
// that of its server adapter, which differs for parentheses (W7), and the raw and
// the doubly encoded names that older adapters wrote.
func (p *pair) is(user string) bool {
	if p.user == user || p.raw == user {
		return p.raw != ""
	}
	if strings.IndexByte(p.user, '%') < 0 {
		return false
	}
	twice, ok := percent.Decode(p.user)
	return ok && twice == user
}

func (j *jar) collect(user string) userCookies {
	u := userCookies{user: user}
	one := make([]string, 7) // nearly always each list has one text at the most
	for i, list := range []*[]string{&u.access, &u.id, &u.refresh, &u.details, &u.deviceKey, &u.deviceGroup, &u.devicePass} {
		*list = one[i : i : i+1]
	}
	for i := range j.pairs {
		p := &j.pairs[i]
		if !p.is(user) {
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
		v, ok := percent.Decode(p.value)
		if p.slot == slotDetails {
			v = p.value // decoded when somebody asks; see Session.User
		}
		if ok && v != "" {
			*list = append(*list, v)
		}
	}
	return u
}

// all returns the tokens in a slot of all sessions of the app client, also of those
// that LastAuthUser does not name, up to maxRevoked.
func (j *jar) all(slot string) []string {
	var all []string
	for i := range j.pairs {
		if j.pairs[i].slot != slot || len(all) == maxRevoked {
			continue
		}
		if v, ok := percent.Decode(j.pairs[i].value); ok && v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// has reports whether the request carried the cookie at least n times.
func (j *jar) has(user, slot string, n int) bool {
	for i := range j.pairs {
		p := &j.pairs[i]
		if p.slot == slot && (slot == lastAuthUser || p.is(user)) {
			n--
		}
	}
	return n <= 0
}

// repeats reports whether a cookie of the very same name came twice.
func (j *jar) repeats() bool {
	for i := range j.pairs {
		for k := range i {
			if j.pairs[i].name == j.pairs[k].name {
				return true
			}
		}
	}
	return false
}

// device is the device key to refresh with: Amplify sends it only when all three
// cookies of a remembered device are there.
func (u *userCookies) device() string {
	if len(u.deviceKey) == 0 || len(u.deviceGroup) == 0 || len(u.devicePass) == 0 {
		return ""
	}
	return u.deviceKey[0]
}

// signInDetails is the cookie's value as it was sent, still encoded.
func (u *userCookies) signInDetails() string {
	if len(u.details) == 0 {
		return ""
	}
	return u.details[0]
}

// refreshTokens returns the refresh tokens in the order to try them in: first the
// one at the same position among its twins as the access token that speaks for
// the session.
func (u *userCookies) refreshTokens(position int) []string {
	if position == 0 || position >= len(u.refresh) {
		return u.refresh
	}
	order := []string{u.refresh[position]}
	for i, token := range u.refresh {
		if i != position {
			order = append(order, token)
		}
	}
	return order
}
