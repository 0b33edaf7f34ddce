package session

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// answer is an answer that cookies are written to.
type answer struct {
	w       http.ResponseWriter
	r       *http.Request
	cookies requestCookies
	page    bool // it is a page's, which may delete cookies
}

// answerCookies puts Set-Cookie lines on an answer.
type answerCookies struct {
	names
	attributes cookie.Attributes
	tooLarge   func(slot, int) // is told of a cookie that browsers will drop
	header     http.Header
	kept       *cookie.Lines // by a guard for this answer, or nil
	request    requestCookies
	host       string // the request's
	deletions  deletions

	// Writing a cookie also deletes it in every other scope, if the request carried it
	// at least this often. 0 means never.
	deleteElsewhereFrom int
}

// newAnswerCookies returns what writes the cookies of an answer.
func newAnswerCookies(a answer, names names, attributes cookie.Attributes) *answerCookies {
	cookie.MarkPrivate(a.w)
	w := &answerCookies{names: names, attributes: attributes, header: a.w.Header(), request: a.cookies, host: a.r.Host}
	if guarded := cookie.AnswerOf(a.w); guarded != nil {
		w.kept = guarded.Lines(names.prefix)
	}
	return w
}

// set writes a cookie in Amplify's spelling.
func (w *answerCookies) set(user string, slot slot, value string) {
	name := w.name(user, slot)
	value = cookie.EncodeValue(value)
	if size := len(name) + len(value); size > cookie.MaxBytes {
		w.tooLarge(slot, size)
	}
	w.put(w.attributes.Line(name, value))
	if w.deleteElsewhereFrom > 0 && w.request.count(user, slot) >= w.deleteElsewhereFrom {
		w.deletions.add(deletion{name: name, slot: slot, carried: true, written: true})
	}
}

// clearUsers deletes the sessions of users.
func (w *answerCookies) clearUsers(users []userCookies) {
	for i := range users {
		w.clear(users[i].user)
	}
}

// clear deletes one user's session and LastAuthUser.
func (w *answerCookies) clear(user string) {
	for _, slot := range clearedSlots {
		isToken := slot == slotAccess || slot == slotID || slot == slotRefresh
		w.delete(user, slot, isToken || !w.attributes.HTTPOnly && slot != slotUserData)
	}
	w.delete("", slotLastAuthUser, true)
}

// delete deletes every spelling of a cookie that the request carried. With always it
// deletes Amplify's own spelling in any case.
func (w *answerCookies) delete(user string, slot slot, always bool) {
	if always {
		w.deletions.add(deletion{name: w.name(user, slot), slot: slot})
	}
	for i := range w.request {
		if c := &w.request[i]; c.slot == slot && (slot == slotLastAuthUser || c.isOf(user)) {
			w.deleteCarried(c)
		}
	}
}

// deleteOtherSpellings deletes the other spellings of a cookie that is being written. An
// older adapter's copy would keep an old token beside the new one.
func (w *answerCookies) deleteOtherSpellings(user string, slot slot) {
	name := w.name(user, slot)
	for i := range w.request {
		if c := &w.request[i]; c.slot == slot && c.name != name && c.isOf(user) {
			w.deleteCarried(c)
		}
	}
}

// deleteOthers deletes the request's sessions of this app client, whichever user's,
// except for the cookies that the answer sets.
func (w *answerCookies) deleteOthers() {
	for i := range w.request {
		if c := &w.request[i]; slices.Contains(clearedSlots, c.slot) && !w.isSetHere(c.name) {
			w.deleteCarried(c)
		}
	}
}

// deleteAllOthers deletes the request's cookies, except for those that the answer sets.
func (w *answerCookies) deleteAllOthers() {
	for i := range w.request {
		if c := &w.request[i]; !w.isSetHere(c.name) {
			w.deleteCarried(c)
		}
	}
}

// isSetHere reports whether the answer sets a cookie of this name to a value.
func (w *answerCookies) isSetHere(name string) bool {
	return slices.ContainsFunc(w.header["Set-Cookie"], func(line string) bool {
		n, value, _ := strings.Cut(line, "=")
		return n == name && !strings.HasPrefix(value, ";")
	})
}

func (w *answerCookies) deleteCarried(c *requestCookie) {
	w.deletions.add(deletion{name: c.name, slot: c.slot, carried: true})
}

// deleteStale deletes a cookie that stands beside a session's. If the session has one of
// the same name, it is deleted in other scopes only.
func (w *answerCookies) deleteStale(c *requestCookie) {
	w.deletions.add(deletion{name: c.name, slot: c.slot, carried: true, written: w.request.countName(c.name) > 1 || w.isSetHere(c.name)})
}

// settle takes out the lines that the answer has so far, such as those of a refresh by
// the guard. A sign-in or sign-out makes them void.
func (w *answerCookies) settle() {
	w.header["Set-Cookie"] = slices.DeleteFunc(w.header["Set-Cookie"], w.isOwnLine)
	if w.kept != nil {
		w.kept.Settled, w.kept.Void = true, nil
	}
}

// mayRefresh reports whether a refresh may write lines: not after a sign-in or sign-out.
func (w *answerCookies) mayRefresh(isEnded func() bool) bool {
	if w.kept == nil {
		return true
	}
	if w.kept.Settled {
		return false
	}
	w.kept.Void = isEnded
	return true
}

// put adds a line and takes out an earlier one for the same name and scope. RFC 6265
// §4.1.1 allows one, and a sign-out replaces a refresh on the same answer.
func (w *answerCookies) put(line string) {
	w.header["Set-Cookie"] = append(slices.DeleteFunc(w.header["Set-Cookie"], func(old string) bool {
		return w.isOwnLine(old) && cookie.SameCookie(old, line)
	}), line)
}

// otherDeletions returns the size of the deletions of other layouts' cookies on the answer.
func (w *answerCookies) otherDeletions() (size int) {
	for _, line := range w.header["Set-Cookie"] {
		if !w.isOwnLine(line) && strings.Contains(line, "=; Path=") {
			size += len(line)
		}
	}
	return size
}

// finish adds the deletions, and has the guard put all lines back if a handler loses
// them. The deletions come before the new values: cookie jars by the older RFC 6265 §5.3
// take the cookie of the host alone for that with the host as its Domain, so that the
// deletion of one deletes the other.
func (w *answerCookies) finish() {
	if deletions := w.deletions.lines(w.attributes, w.host, w.otherDeletions()); deletions != nil {
		var others, own []string
		for _, line := range w.header["Set-Cookie"] {
			switch {
			case !w.isOwnLine(line):
				others = append(others, line)
			case !slices.ContainsFunc(deletions, func(d string) bool { return cookie.SameCookie(d, line) }):
				own = append(own, line)
			}
		}
		w.header["Set-Cookie"] = slices.Concat(others, deletions, own)
	}
	if w.kept != nil {
		w.kept.Replace(w.header["Set-Cookie"])
	}
}
