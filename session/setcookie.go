package session

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// answerCookies puts Set-Cookie lines on an answer.
type answerCookies struct {
	names
	attributes cookie.Attributes
	tooLarge   func(slot, int) // is told of a cookie that browsers will drop
	header     http.Header
	kept       *cookie.Lines // by a guard for this answer, or nil
	request    requestCookies

	// With a Domain, writing a cookie also deletes the host-only cookie of its name, if
	// the request carried the name at least this often. 0 means never.
	deleteHostOnlyFrom int
}

// set writes a cookie in Amplify's spelling.
func (w *answerCookies) set(user string, slot slot, value string) {
	name := w.name(user, slot)
	value = cookie.EncodeValue(value)
	if size := len(name) + len(value); size > cookie.MaxBytes {
		w.tooLarge(slot, size)
	}
	w.put(name, w.attributes.Line(name, value))
	if w.attributes.Domain != "" && w.deleteHostOnlyFrom > 0 && w.request.count(user, slot) >= w.deleteHostOnlyFrom {
		w.expire(name, "")
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
		always := slot == slotAccess || slot == slotID || slot == slotRefresh || !w.attributes.HTTPOnly
		w.delete(user, slot, always)
	}
	w.delete("", slotLastAuthUser, true)
}

// delete deletes every spelling of a cookie that the request carried. With always it
// deletes Amplify's own spelling in any case.
func (w *answerCookies) delete(user string, slot slot, always bool) {
	if always {
		w.deleteName(w.name(user, slot))
	}
	for i := range w.request {
		if c := &w.request[i]; c.slot == slot && (slot == slotLastAuthUser || c.isOf(user)) {
			w.deleteName(c.name)
		}
	}
}

// deleteOtherSpellings deletes the other spellings of a cookie that is being written. An
// older adapter's copy would keep an old token beside the new one.
func (w *answerCookies) deleteOtherSpellings(user string, slot slot) {
	name := w.name(user, slot)
	for i := range w.request {
		if c := &w.request[i]; c.slot == slot && c.name != name && c.isOf(user) {
			w.deleteName(c.name)
		}
	}
}

// deleteOthers deletes the request's sessions of this app client, whichever user's,
// except for the cookies that the answer sets.
func (w *answerCookies) deleteOthers() {
	for i := range w.request {
		if c := &w.request[i]; slices.Contains(clearedSlots, c.slot) && !w.isSetHere(c.name) {
			w.deleteName(c.name)
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

// deleteName deletes a cookie in every scope that we or Amplify may have written it in:
// a deletion only reaches the cookie with its own Domain.
func (w *answerCookies) deleteName(name string) {
	if domain := w.attributes.Domain; domain != "" {
		w.expire(name, domain)
	}
	w.expire(name, "")
}

func (w *answerCookies) expire(name, domain string) {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return // browsers keep no such name, and a header must not hold it
	}
	deletion := w.attributes
	deletion.MaxAge, deletion.Domain = 0, domain
	w.put(name, deletion.Line(name, ""))
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
func (w *answerCookies) put(name, line string) {
	hasDomain := strings.Contains(line, "; Domain=")
	w.header["Set-Cookie"] = append(slices.DeleteFunc(w.header["Set-Cookie"], func(old string) bool {
		n, _, _ := strings.Cut(old, "=")
		return n == name && strings.Contains(old, "; Domain=") == hasDomain
	}), line)
}

// keep has the guard put the lines back if a handler loses them.
func (w *answerCookies) keep() {
	if w.kept != nil {
		w.kept.Replace(w.header["Set-Cookie"])
	}
}
