package session

import (
	"cmp"
	"time"

	"github.com/cognitogate/cognitogate/internal/configerr"
)

const defaultCacheBytes = 48 << 20 // about 10 000 sessions

// Layout is how the cookies hold a session. Its text is stable.
type Layout string

// The layouts.
const (
	// LayoutAmplify is "amplify": the cookies of Amplify's browser client and of its
	// adapter for Next.js, with the tokens in clear. Choose it to share sessions with
	// them. A sibling subdomain can plant such cookies.
	LayoutAmplify Layout = "amplify"

	// LayoutSealed is "sealed": one cookie with the tokens, encrypted, or several if they
	// are long. It is HttpOnly. Choose it if users sign in on the server alone, through
	// Routes or Start. A stolen cookie is worth the session until it ends.
	//
	// The name of the cookie begins with __Host-, so that no other host can plant one.
	// With Cookies.Domain or another Path than "/" it begins with __Secure-, and with
	// Cookies.Insecure with neither. An attacker on a sibling subdomain can then plant a
	// session of his own.
	LayoutSealed Layout = "sealed"

	// LayoutHandle is "handle": a cookie with a random text of 64 characters, and the
	// tokens in Shared, sealed. It is HttpOnly, and its name begins as that of
	// LayoutSealed. It needs Shared and Secret. Choose it if the tokens are too long for
	// cookies, or if a sign-out must be worth something against a stolen cookie.
	//
	// The store must keep the records then: with its data on disk, and without eviction.
	// A store that loses all of them signs everybody out. While the store is down, a
	// session that this process knows goes on until its access token expires, without a
	// refresh. All else is tokens.ErrUnavailable. Nobody is signed out by that.
	//
	// A process that knows a session asks the store about it at a refresh. Of a sign-out
	// at another process it hears within two seconds. See Config.AlwaysAskStore.
	LayoutHandle Layout = "handle"
)

// Lifetime bounds a session. This server measures it, not the browser.
type Lifetime struct {
	// Idle is how long a session lasts that nobody uses. It is measured from refresh to
	// refresh. So it never ends a session whose access token is valid. Default: no bound.
	Idle time.Duration

	// Absolute is how long a session lasts after Start. Default: no bound.
	Absolute time.Duration
}

// TakeOver keeps users signed in when a site changes from LayoutAmplify to another layout.
// A session in Amplify's cookies is taken over: the tokens go to the new layout, refreshed
// if need be, and Amplify's cookies are deleted. If that cannot be done now, such as in an
// outage, the session stays where it is until the next page. Leave TakeOver out when the
// users have come back once, or when the refresh tokens from before the change have expired.
//
// A sibling subdomain can plant Amplify's cookies of an attacker's own session, and the
// user would work in the attacker's account. Nothing tells such a session from the user's.
// So a session is taken over only if all of this holds:
//
//   - the browser navigates a whole tab, from a page of this origin or from none
//     (Sec-Fetch-Site), so that no other site chooses the moment;
//   - it has no cookie of the new layout;
//   - it has no marker: a cookie, __Host- where that can be, which a takeover, Start, End
//     and pages with a session of the new layout set for 400 days. So each browser is taken
//     over once at most, and nothing is taken over after a sign-out;
//   - all access and ID tokens in Amplify's cookies are genuine and one user's, and there
//     is one refresh token at most;
//   - the user has signed in before Before.
//
// What is left is an attacker who has signed in before that time, and plants the session
// in a browser that has no marker yet. With TakeOver, Start deletes Amplify's cookies, and
// End ends the sessions in them too. Lifetime counts from the last refresh before the
// takeover.
type TakeOver struct {
	// Before is the time until which users have signed in with Amplify: that of the
	// change. It is compared with "auth_time". The zero Time takes nothing over. More than
	// a day ahead is an error.
	Before time.Time
}

// maxAhead bounds how far ahead Before may be: until the last replica has changed.
const maxAhead = 24 * time.Hour

func (t TakeOver) validate(layout Layout, now func() time.Time, wrong *configerr.List) {
	if now == nil {
		now = time.Now
	}
	switch {
	case t.Before.IsZero():
	case layout != LayoutSealed && layout != LayoutHandle:
		wrong.Add("TakeOver", "needs LayoutSealed or LayoutHandle: it brings sessions of LayoutAmplify there")
	case t.Before.After(now().Add(maxAhead)):
		wrong.Add("TakeOver.Before", "%v is more than a day ahead: it bounds what an attacker can plant", t.Before.Format(time.RFC3339))
	}
}

// validate adds what is wrong with a layout and the lifetime that is configured with it.
func (layout Layout) validate(lifetime Lifetime, wrong *configerr.List) {
	switch layout {
	case "", LayoutAmplify:
		if lifetime != (Lifetime{}) {
			wrong.Add("Lifetime", "needs LayoutSealed or LayoutHandle: the cookies of LayoutAmplify do not say when the session began")
		}
	case LayoutSealed, LayoutHandle: // validateSecrets reports what is missing
	default:
		wrong.Add("Layout", "%q is no layout", layout)
	}
	if lifetime.Idle < 0 {
		wrong.Add("Lifetime.Idle", "%v is negative", lifetime.Idle)
	}
	if lifetime.Absolute < 0 {
		wrong.Add("Lifetime.Absolute", "%v is negative", lifetime.Absolute)
	}
}

// verifiedBytes returns the part of Config.CacheBytes that is for verified sessions. In
// LayoutSealed the rest is for opened cookies, and in LayoutHandle for records.
func (layout Layout) verifiedBytes(cacheBytes int64) int64 {
	if layout == LayoutSealed || layout == LayoutHandle {
		return cmp.Or(cacheBytes, defaultCacheBytes) / 3
	}
	return cacheBytes
}
