package session

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/tokens"
)

const maxExplanation = 300 // bytes, about

// Explain says in words why Fetch has returned err for r, for a log or a developer: "no
// cookies", say, or "access token is refused: bad issuer: iss …". The text may change; a
// metric needs [Manager.Reason]. It holds no token, no value of a cookie and no
// attribute of a user. What it quotes of the request is cut. Without an error it is empty.
func (m *Manager) Explain(r *http.Request, err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errNoCookies):
		return m.explainNoCookies(r.Header)
	case errors.Is(err, errNoAccessToken):
		return m.explainNoAccessToken(r.Header)
	}
	return explainError(err)
}

// explainNoCookies says what a request has instead of this app client's cookies.
func (m *Manager) explainNoCookies(h http.Header) string {
	text := "no cookies"
	if len(h["Cookie"]) > 0 {
		text = "no cookies of this app client"
	}
	switch found := appClientsIn(h, m.userPool.ClientID); {
	case found.own:
		text += " in " + m.layoutName() + ", but cookies of another layout"
		if m.takeOver != nil {
			text += ", which only the navigation of a tab can take over, from this origin or none, and only once in a browser"
		}
	case found.hasOthers():
		text += ", cookies of another app client are there: " + found.quotedOthers()
	}
	if _, ok := page.BearerToken(h); ok && !m.bearer.accepted {
		text += ", a bearer token is there but Config.Bearer is not set"
	}
	return text
}

// layoutName names the layout as Config does.
func (m *Manager) layoutName() string {
	switch {
	case m.handle != nil:
		return "LayoutHandle"
	case m.sealed != nil:
		return "LayoutSealed"
	}
	return "LayoutAmplify"
}

// explainNoAccessToken says whether the tokens in a request are not the chosen user's.
func (m *Manager) explainNoAccessToken(h http.Header) string {
	named, hasTokens := false, false
	for _, c := range m.parseCookies(h, nil) {
		_, isName := c.lastAuthUser()
		named = named || isName
		hasTokens = hasTokens || c.slot == slotAccess || c.slot == slotRefresh
	}
	switch {
	case hasTokens && named:
		return "no access token: no token that is there is a usable one of the user in LastAuthUser"
	case hasTokens:
		return "no access token: there are tokens, but no LastAuthUser that names their user"
	}
	return "no access token"
}

// explainError describes an error. It leaves out what a trigger says, which may be about
// its user.
func explainError(err error) string {
	text := err.Error()
	for _, prefix := range []string{"session: ", "nobody is signed in: ", "tokens: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	if api := (*tokens.APIError)(nil); errors.As(err, &api) {
		text = fmt.Sprintf("Cognito answers %s with status %d and the code %.80q", api.Op, api.Status, api.Code)
		if api.SignedOut() {
			text += fmt.Sprintf(": %.120q", api.Message)
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
	return fmt.Sprintf("%.*s", maxExplanation, text)
}
