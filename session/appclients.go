package session

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
)

const maxNamedApps = 3 // app clients whose ids are quoted

// namingSlots are those of the cookies whose names show an app client's id.
var namingSlots = []slot{slotLastAuthUser, slotAccess, slotID, slotRefresh}

// appClients reports whether a header has cookies of the app client own, in any layout, and
// returns the ids of the first others.
func appClients(h http.Header, own string) (hasOwn bool, others []string) {
	for id := range appClientIDs(h) {
		if id == own {
			hasOwn = true
		} else if len(others) < maxNamedApps && !slices.Contains(others, id) {
			others = append(others, id)
		}
	}
	return hasOwn, others
}

// quotedIDs returns ids for a log, each cut to a few characters.
func quotedIDs(ids []string) string {
	var quoted []string
	for _, id := range ids {
		quoted = append(quoted, fmt.Sprintf("%.40q", id))
	}
	return strings.Join(quoted, ", ")
}

// appClientIDs yields the app client's id of each cookie that shows one.
func appClientIDs(h http.Header) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, header := range h["Cookie"] {
			name, _, left := cookie.Next(header)
			for name != "" {
				if id := appClientOf(name); id != "" && !yield(id) {
					return
				}
				name, _, left = cookie.Next(left)
			}
		}
	}
}

// appClientOf returns the app client's id in a cookie's name, or "". In a name of Amplify's
// that has another form, a user's name could stand where the id is.
func appClientOf(name string) string {
	id := sealedcookie.ClientOf(name)
	if rest, ok := strings.CutPrefix(name, namePrefix); ok {
		clientID, ownPart, _ := strings.Cut(rest, ".")
		if _, slot := parseName(ownPart); slices.Contains(namingSlots, slot) {
			id = clientID
		}
	}
	if !isAppClientID(id) {
		return ""
	}
	return id
}

// isAppClientID reports whether text has only characters of an app client's id.
func isAppClientID(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '+')
	})
}
