package session

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/percent"
)

// Bounds on what is read of one request. No browser keeps as many cookies for a site,
// and a program that sends more gains nothing by it.
const (
	maxCookies = 256 // of our app client
	maxUsers   = 32  // different values of LastAuthUser

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

// parseWhole is parse for names without a user and a slot.
func (n names) parseWhole(h http.Header, cookies requestCookies) requestCookies {
	for _, header := range h["Cookie"] {
		name, value, rest := cookie.NextOf(header, n.prefix)
		for name != "" && len(cookies) < maxCookies {
			cookies = append(cookies, requestCookie{name: name, value: value})
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
	if len(c.user) > 9*len(user) { // an escape is three times as long as what it stands for
		return false
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
// device key that is too long, or no such thing, is nobody's and is not sent to Cognito.
func (c *requestCookie) text() (string, bool) {
	if c.slot == slotDetails {
		return c.value, c.value != "" && percent.Valid(c.value)
	}
	text, ok := percent.Decode(c.value)
	switch c.slot {
	case slotRefresh:
		ok = ok && len(text) <= maxRefreshToken && !isMalformed(text)
	case slotDeviceKey, slotDeviceGroup, slotDevicePassword:
		ok = ok && len(text) <= maxRefreshToken
	}
	return text, ok && text != ""
}

// isMalformed reports whether a value is no refresh token. The pattern is that of the API
// reference of GetTokensFromRefreshToken. Cognito would refuse such a value as a parameter,
// which says nothing about a session.
func isMalformed(refreshToken string) bool {
	for i := range len(refreshToken) {
		if !inRefreshTokens[refreshToken[i]] {
			return true
		}
	}
	return false
}

// inRefreshTokens are the characters of refresh tokens.
var inRefreshTokens = func() (is [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=.") {
		is[c] = true
	}
	return is
}()

// lastAuthUser returns the user that a LastAuthUser cookie names. A value that cannot be
// decoded names nobody, and an empty one is absent.
func (c *requestCookie) lastAuthUser() (user string, ok bool) {
	if c.slot != slotLastAuthUser {
		return "", false
	}
	user, ok = percent.Decode(c.value)
	return user, ok && user != "" && utf8.ValidString(user)
}

// single returns the session's cookies, as they were sent, if the request leaves no choice:
// it names one user, and each of that user's cookies comes once. Otherwise access is empty.
// A single value may be one that cannot be decoded. Usually single allocates nothing.
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
		if c.value == "" || c.user == "" || c.user != spelling && !c.isOf(user) {
			continue
		}
		spelling = c.user
		switch {
		case *to == "":
			*to = c.value
		case !percent.Valid(c.value): // comes first, so that no value is searched again and again
		case percent.Valid(*to):
			return "", "", ""
		default:
			*to = c.value
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

	content *content       // in LayoutSealed and LayoutHandle
	sealed  *sealedSession // in LayoutSealed
	record  *record        // in LayoutHandle
	over    error          // why the session is over, whatever its tokens say
}

// userOf returns the cookies of a content's user, as LayoutAmplify has them.
func userOf(c *content) userCookies {
	u := userCookies{user: c.User, content: c}
	for _, list := range []struct {
		to   *[]string
		text string
	}{{&u.access, c.Access}, {&u.id, c.ID}, {&u.refresh, c.Refresh}} {
		if list.text != "" {
			*list.to = []string{list.text}
		}
	}
	return u
}

// foundUsers are the users whose sessions a request's cookies hold.
type foundUsers struct {
	users []userCookies
	all   bool // there are no others
	stale []staleCookie

	noneErr  error // why there is none
	fixedErr error // why nothing may be refreshed now; nil if it may
}

// staleCookie is a cookie beside those of the session.
type staleCookie struct {
	index  int  // among the request's cookies
	opened bool // it is of an earlier sign-in; else it says nothing
}

// users returns the cookies of each user that LastAuthUser names, in header order, and
// whether these are all. A name without a token is nobody's; there is always one user.
func (cookies requestCookies) users() (users []userCookies, all bool) {
	if len(cookies) == 0 {
		return nil, true
	}
	var buffer [4]string // usually there is one name
	names := buffer[:0]
	all = len(cookies) < maxCookies
	for i := range cookies {
		user, ok := cookies[i].lastAuthUser()
		if !ok || slices.Contains(names, user) {
			continue
		}
		if len(names) == maxUsers {
			all = false
			break
		}
		names = append(names, user)
	}
	if len(names) == 0 {
		names = append(names, fallbackUser)
	}
	users = make([]userCookies, 0, 1)
	for _, name := range names {
		u := cookies.of(name)
		if len(users) == 1 && !users[0].hasToken() {
			users = users[:0]
		}
		if len(users) == 0 || u.hasToken() {
			users = append(users, u)
		}
	}
	return users, all
}

// hasToken reports whether the user has a token that may begin a session.
func (u *userCookies) hasToken() bool { return len(u.access) > 0 || len(u.refresh) > 0 }

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
	}
	for k := range cookies {
		c := &cookies[k]
		for _, list := range lists {
			if c.slot == list.slot && c.isOf(user) {
				if text, ok := c.text(); ok {
					*list.texts = append(*list.texts, text)
				}
				break
			}
		}
	}
	return u
}

// all returns the tokens in a slot, whichever user's, each once.
func (cookies requestCookies) all(slot slot) []string {
	var all []string
	for i := range cookies {
		if cookies[i].slot != slot {
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

// countName returns how often the request carried exactly this name.
func (cookies requestCookies) countName(name string) (n int) {
	for i := range cookies {
		if cookies[i].name == name {
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

// copyTokens copies the access token and the ID token. Parts of the header would keep all
// of it in memory. The copies share one allocation, as they go together.
func (u *userCookies) copyTokens() {
	var text strings.Builder
	size, lists := 0, [...][]string{u.access, u.id}
	for _, list := range lists {
		for _, token := range list {
			size += len(token)
		}
	}
	text.Grow(size)
	for _, list := range lists {
		for i, token := range list {
			start := text.Len()
			text.WriteString(token)
			list[i] = text.String()[start:]
		}
	}
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
