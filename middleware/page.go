package middleware

import (
	"io"
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// Page is a page that [Auth.Routes] or [Auth.ServeError] shows to a user. Config.Page
// changes its words, or writes it.
type Page struct {
	Kind   PageKind
	Status int    // of the answer
	Lang   string // of Title, Text, Causes and the actions, as in the lang attribute: "en"

	Title string
	Text  string
	// Detail is what Cognito says about a refused sign-in, in a language of its own. It
	// may come from a Lambda trigger or an identity provider. Escape it like any text.
	Detail string
	// Causes are what may be wrong, mostly for the operator. A page may leave them out.
	Causes []string
	// Actions are the ways out, the best one first.
	Actions []PageAction
	// Continue is where a PageSignedIn has to lead at once, and "" on other pages. The
	// default page has a refresh in its head. The last action is a link there.
	Continue string
}

// PageKind says what a [Page] is about. Its text is stable.
type PageKind string

// The kinds of pages.
const (
	PageForbidden   PageKind = "forbidden"   // 403: a signed-in user may not see the page
	PageUnavailable PageKind = "unavailable" // 503: it cannot be told whether the user is signed in
	PageError       PageKind = "error"       // 500: something is wrong with the site

	PageSignInCancelled   PageKind = "sign-in-cancelled"   // the user has cancelled the sign-in
	PageSignInRefused     PageKind = "sign-in-refused"     // Cognito or Hooks.SignedIn has refused the user
	PageSignInLink        PageKind = "sign-in-link"        // the link has parameters that it may not have
	PageSignInLost        PageKind = "sign-in-lost"        // this browser has not begun the sign-in, or too long ago
	PageSignInRequired    PageKind = "sign-in-required"    // a sign-in with prompt=none has found no user
	PageSignInFailed      PageKind = "sign-in-failed"      // the sign-in could not be finished
	PageSignInUnavailable PageKind = "sign-in-unavailable" // 503: Cognito cannot be reached to finish it

	PageNotRecent PageKind = "not-recent" // a new sign-in was asked for, and the user's is not recent enough
	PageOtherUser PageKind = "other-user" // another user has signed in than the one who was asked to sign in again

	PageSignInLoop    PageKind = "sign-in-loop"    // the browser does not keep the session
	PageRedirectLoop  PageKind = "redirect-loop"   // the browser came back from the sign-in page several times
	PageSignInGuarded PageKind = "sign-in-guarded" // the sign-in page is for signed-in users only
	PageOtherSlash    PageKind = "other-slash"     // the path is public with another slash at its end

	PageSignedIn PageKind = "signed-in" // with Strict cookies, between the sign-in and the site
	PageSignOut  PageKind = "sign-out"  // asks whether to sign out
	PageInFrame  PageKind = "in-frame"  // in a frame, where no sign-in can begin
)

// PageAction is a way out of a [Page].
type PageAction struct {
	Kind ActionKind
	Text string // "Sign in again"
	URL  string
	// Post is set if the action is a form with method "post" instead of a link.
	Post bool
	// WholeTab is set if the link leaves the frame: target="_top".
	WholeTab bool
}

// ActionKind says where a [PageAction] leads. Its text is stable.
type ActionKind string

// The kinds of actions.
const (
	ActionHome          ActionKind = "home"
	ActionRetry         ActionKind = "retry"          // the same page once more
	ActionContinue      ActionKind = "continue"       // where the user wanted to go
	ActionSignIn        ActionKind = "sign-in"        // a new sign-in
	ActionSwitchAccount ActionKind = "switch-account" // a sign-in that asks for the account
	ActionSignOut       ActionKind = "sign-out"
)

// servePage answers with a page: Config.Page's, or the default one.
func (a *Auth) servePage(w http.ResponseWriter, r *http.Request, p Page) {
	p.Lang = "en"
	status, policy, h := p.Status, a.pagePolicy(p.Kind), w.Header()
	outerPolicy := h["Content-Security-Policy"]
	setPageHeader(h, &p, policy)
	if a.cfg.Page != nil {
		custom := newPageWriter(w, status, policy, outerPolicy)
		a.cfg.Page(custom, r, &p)
		if custom.wroteHeader {
			return
		}
		custom.restoreHeader()
		setPageHeader(h, &p, policy)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, p.html()) // it fails only if the browser has gone away
	}
}

// setPageHeader sets the header of the default page.
func setPageHeader(h http.Header, p *Page, policy string) {
	cookie.NoStore(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", defaultContentPolicy+"; "+policy)
	h.Set("Referrer-Policy", "no-referrer") // the URL may hold a code
	if slices.ContainsFunc(p.Actions, func(action PageAction) bool { return action.Post }) {
		// With no-referrer, browsers send "Origin: null" with the form (Fetch §3.1). The
		// sign-out judges a browser without Sec-Fetch-Site by Origin.
		h.Set("Referrer-Policy", "same-origin")
	}
	h.Set("X-Content-Type-Options", "nosniff")
}
