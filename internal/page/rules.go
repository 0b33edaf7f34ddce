package page

import (
	"net/http"
	"strings"
)

// A rule says what the requests are that it applies to.
type rule struct {
	text      string // for docs/navigation.md
	applies   func(r *http.Request, h header, bearer bool) bool
	navigates bool // a browser shows the answer as a page
	clears    bool // the answer may delete cookies
}

// rules are asked in this order, and the first one that applies decides. The browser's
// own word, Sec-Fetch-Mode, comes before the signs that a script or a proxy can add
// (Fetch Metadata). docs/navigation.md quotes the rules.
var rules = [...]rule{
	{
		text: "It has a bearer token, and `Config.Bearer` is set.",
		applies: func(_ *http.Request, h header, bearer bool) bool {
			return bearer && hasBearerToken(h)
		},
	},
	{
		text:    "It is a prefetch.",
		applies: func(r *http.Request, _ header, _ bool) bool { return IsPrefetch(r) },
	},
	{
		text: "Its method is not GET, HEAD or POST.",
		applies: func(r *http.Request, _ header, _ bool) bool {
			return !isSafe(r) && r.Method != http.MethodPost
		},
	},
	{
		text:      "`Sec-Fetch-Mode` is `navigate`.",
		applies:   func(_ *http.Request, h header, _ bool) bool { return h.get("Sec-Fetch-Mode") == "navigate" },
		navigates: true, clears: true,
	},
	{
		text:    "`Sec-Fetch-Mode` has another value.",
		applies: func(_ *http.Request, h header, _ bool) bool { return h.get("Sec-Fetch-Mode") != "" },
	},
	{
		text:    "`HX-Request` is `true`.",
		applies: func(r *http.Request, _ header, _ bool) bool { return IsHTMX(r) },
	},
	{
		text: "`X-Requested-With` is `XMLHttpRequest`. Android's WebView sends the name of its app, which says nothing.",
		applies: func(_ *http.Request, h header, _ bool) bool {
			return strings.EqualFold(h.get("X-Requested-With"), "XMLHttpRequest")
		},
	},
	{
		text: "`Upgrade` names `websocket`. Another protocol, such as `h2c`, says nothing.",
		applies: func(_ *http.Request, h header, _ bool) bool {
			for protocol := range h.upgrades() {
				if strings.EqualFold(protocol, "websocket") {
					return true
				}
			}
			return false
		},
	},
	{
		text:    "`Accept` names `text/event-stream`.",
		applies: func(_ *http.Request, h header, _ bool) bool { return h.accepts("text/event-stream") },
	},
	{
		text: "It is a POST, and `Content-Type` is none of a form's: `application/x-www-form-urlencoded`, `multipart/form-data`, `text/plain`.",
		applies: func(r *http.Request, h header, _ bool) bool {
			return r.Method == http.MethodPost && !h.isForm()
		},
	},
	{
		text:      "`Accept` names `text/html`.",
		applies:   func(_ *http.Request, h header, _ bool) bool { return h.accepts("text/html") },
		navigates: true, clears: true,
	},
	{
		text:      "`Accept` is `*/*` or absent.",
		applies:   func(_ *http.Request, h header, _ bool) bool { return h.acceptsAnything() },
		navigates: true,
	},
	{
		text:    "Every other request.",
		applies: func(*http.Request, header, bool) bool { return true },
	},
}
