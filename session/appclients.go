package session

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
)

const maxNamedApps = 3 // app clients whose ids are quoted

// namingSlots are those of the cookies whose names show an app client's id.
var namingSlots = []slot{slotLastAuthUser, slotAccess, slotID, slotRefresh}

// appClients are those that a request has cookies of, in any layout.
type appClients struct {
	own    bool
	others [maxNamedApps]string // the ids of the first ones, without duplicates
}

// appClientsIn returns the app clients of a header. own is the id of this one. It allocates
// nothing.
func appClientsIn(h http.Header, own string) (found appClients) {
	n := 0
	for _, header := range h["Cookie"] {
		name, _, left := cookie.Next(header)
		for ; name != ""; name, _, left = cookie.Next(left) {
			switch id := appClientOf(name); {
			case id == "":
			case id == own:
				found.own = true
			case n < maxNamedApps && !slices.Contains(found.others[:n], id):
				found.others[n] = id
				n++
			}
		}
	}
	return found
}

func (a *appClients) hasOthers() bool { return a.others[0] != "" }

// quotedOthers returns the others for a log, each cut to a few characters.
func (a *appClients) quotedOthers() string {
	var quoted []string
	for _, id := range a.others {
		if id != "" {
			quoted = append(quoted, fmt.Sprintf("%.40q", id))
		}
	}
	return strings.Join(quoted, ", ")
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
