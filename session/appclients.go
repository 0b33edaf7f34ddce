package session

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

const maxNamedApps = 3 // app clients whose ids are quoted

// namingSlots are those of the cookies whose names show an app client's id.
var namingSlots = []slot{slotLastAuthUser, slotAccess, slotID, slotRefresh}

// appClients returns the quoted ids of the first app clients that have cookies in a header.
func appClients(h http.Header) (ids []string) {
	for id := range appClientIDs(h) {
		if quoted := fmt.Sprintf("%.40q", id); !slices.Contains(ids, quoted) {
			ids = append(ids, quoted)
		}
		if len(ids) == maxNamedApps {
			break
		}
	}
	return ids
}

// hasAppClient reports whether a header has a cookie that names an app client.
func hasAppClient(h http.Header) bool {
	for range appClientIDs(h) {
		return true
	}
	return false
}

// appClientIDs yields the app client's id of each cookie that shows one. In a name of another
// form, a user's name could stand where the id is.
func appClientIDs(h http.Header) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, header := range h["Cookie"] {
			name, _, left := cookie.NextOf(header, namePrefix)
			for name != "" {
				id, ownPart, _ := strings.Cut(name[len(namePrefix):], ".")
				_, slot := parseName(ownPart)
				if isAppClientID(id) && slices.Contains(namingSlots, slot) && !yield(id) {
					return
				}
				name, _, left = cookie.NextOf(left, namePrefix)
			}
		}
	}
}

// isAppClientID reports whether text has only characters of an app client's id.
func isAppClientID(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '+')
	})
}
