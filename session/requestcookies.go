package session

import (
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
)

// Bounds on what is read of one request. No browser keeps as many cookies for a site,
// and a program that sends more gains nothing by it.
const (
	maxCookies = 256 // of our app client
	maxUsers   = 4   // different values of LastAuthUser
	maxRevoked = 4   // refresh tokens that one sign-out revokes

	// maxRefreshToken bounds refresh tokens and device keys in bytes. No cookie can hold a
	// longer one, and Cognito issues none.
	maxRefreshToken = 4096
)

// requestCookie is one cookie of our app client, as the browser sent it.
type requestCookie struct {
	name, value string
	user        string // the user's part of the name, still encoded; "" for LastAuthUser
	slot        slot
}

// requestCookies are a request's cookies of our app client, in header order.
type requestCookies []requestCookie

// parse finds our app client's cookies in a request's header and appends them to
// cookies. r.Cookies would allocate for every cookie and lose some of ours.
func (n names) parse(h http.Header, cookies requestCookies) requestCookies {
	for _, header := range h["Cookie"] {
		name, value, rest := cookie.NextOf(header, n.prefix)
		for name != "" && len(cookies) < maxCookies {
			user, slot := parseName(name[len(n.prefix):])
			cookies = append(cookies, requestCookie{name, value, user, slot})
			name, value, rest = cookie.NextOf(rest, n.prefix)
		}
	}
	return cookies
}

// isOf reports whether the cookie is one of the user's. Browsers hold several spellings of
// a name: that of Amplify's client, that of its server adapter, which differs for
// parentheses, and the raw and doubly encoded ones of older adapters.
func (c *requestCookie) isOf(user string) bool {
	if c.user == "" || c.user == user {
		return c.user != ""
	}
	once, ok := percent.Decode(c.user)
	if !ok || once == c.user {
		return false
	}
	if once == user {
		return true
	}
	twice, ok := percent.Decode(once)
	return ok && twice == user
}

// text returns the cookie's value, decoded. As in Amplify, a value that is empty or cannot
// be decoded is absent. signInDetails stay encoded; see Session.User. A refresh token or
// device key that is too long is nobody's, and is not sent to Cognito.
func (c *requestCookie) text() (string, bool) {
	if c.slot == slotDetails {
		return c.value, c.value != "" && percent.Valid(c.value)
	}
	text, ok := percent.Decode(c.value)
	switch c.slot {
	case slotRefresh, slotDeviceKey, slotDeviceGroup, slotDevicePassword:
		ok = ok && len(text) <= maxRefreshToken
	}
	return text, ok && text != ""
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

// single returns the texts of the session if the request leaves no choice: it names one
// user, and each of that user's cookies comes once. Otherwise access is empty. A single
// text of details may be one that cannot be decoded. Usually single allocates nothing.
func (cookies requestCookies) single() (access, id, details string) {
	user, found := fallbackUser, false
	for i := range cookies {
		if named, ok := cookies[i].lastAuthUser(); ok {
			if found && named != user {
				return "", "", ""
			}
			user, found = named, true
		}
	}
	spelling := user // of the user's name in the cookies; usually all have the same
	for i := range cookies {
		c := &cookies[i]
		var to *string
		switch c.slot {
		case slotAccess:
			to = &access
		case slotID:
			to = &id
		case slotDetails:
			to = &details
		default:
			continue
		}
		if c.user == "" || c.user != spelling && !c.isOf(user) {
			continue
		}
		spelling = c.user
		text, ok := c.value, c.value != ""
		if c.slot != slotDetails || details != "" { // looking at details costs every request
			text, ok = c.text()
		}
		if ok && *to != "" && (c.slot != slotDetails || percent.Valid(details)) {
			return "", "", ""
		}
		if ok {
			*to = text
		}
	}
	return access, id, details
}

// userCookies are the values of one user's cookies, in header order. A name comes twice if
// its cookies have different Domains, such as one planted by a sibling domain.
type userCookies struct {
	user                string
	access, id, refresh []string
	details             []string
	deviceKey           []string
	deviceGroup         []string
	devicePassword      []string
}

// users returns the cookies of each user that LastAuthUser names, in header order.
func (cookies requestCookies) users() []userCookies {
	if len(cookies) == 0 {
		return nil
	}
	users := make([]userCookies, 0, 1)
	for i := range cookies {
		user, ok := cookies[i].lastAuthUser()
		if ok && len(users) < maxUsers && !slices.ContainsFunc(users, func(u userCookies) bool { return u.user == user }) {
			users = append(users, cookies.of(user))
		}
	}
	if len(users) == 0 {
		users = append(users, cookies.of(fallbackUser))
	}
	return users
}

// of returns the cookies of one user.
func (cookies requestCookies) of(user string) userCookies {
	u := userCookies{user: user}
	lists := [...]struct {
		slot  slot
		texts *[]string
	}{
		{slotAccess, &u.access}, {slotID, &u.id}, {slotRefresh, &u.refresh}, {slotDetails, &u.details},
		{slotDeviceKey, &u.deviceKey}, {slotDeviceGroup, &u.deviceGroup}, {slotDevicePassword, &u.devicePassword},
	}
	backing := make([]string, len(lists)) // nearly always each list has one text at most
	for i, list := range lists {
		*list.texts = backing[i : i : i+1]
		for k := range cookies {
			if c := &cookies[k]; c.slot == list.slot && c.isOf(user) {
				if text, ok := c.text(); ok {
					*list.texts = append(*list.texts, text)
				}
			}
		}
	}
	return u
}

// all returns the tokens in a slot, whichever user's, up to maxRevoked.
func (cookies requestCookies) all(slot slot) []string {
	var all []string
	for i := range cookies {
		if cookies[i].slot != slot || len(all) == maxRevoked {
			continue
		}
		if text, ok := cookies[i].text(); ok && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// count returns how often the request carried a user's cookie.
func (cookies requestCookies) count(user string, slot slot) (n int) {
	for i := range cookies {
		if c := &cookies[i]; c.slot == slot && (slot == slotLastAuthUser || c.isOf(user)) {
			n++
		}
	}
	return n
}

// haveDuplicates reports whether a cookie of exactly the same name came twice.
func (cookies requestCookies) haveDuplicates() bool {
	for i := range cookies {
		for k := range i {
			if cookies[i].name == cookies[k].name {
				return true
			}
		}
	}
	return false
}

// device returns the device key of the cookies. As in Amplify there is one only if all
// three cookies of a remembered device are there.
func (u *userCookies) device() string {
	if len(u.deviceKey) == 0 || len(u.deviceGroup) == 0 || len(u.devicePassword) == 0 {
		return ""
	}
	return u.deviceKey[0]
}

// signInDetails returns the cookie's value as it was sent, still encoded.
func (u *userCookies) signInDetails() string {
	if len(u.details) == 0 {
		return ""
	}
	return u.details[0]
}

// refreshTokens returns the refresh tokens in the order to try them in. The first one is
// at the same position among its duplicates as the session's access token.
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
