// Package session keeps Amazon Cognito sessions in cookies, by default in those of AWS
// Amplify.
//
// Handlers behind a guard of package middleware need one line of it:
//
//	s, ok := session.FromContext(r.Context())
//
// A program with guards of its own uses a [Manager]. Fetch reads and refreshes the
// session of a request, like Amplify's fetchAuthSession. Start begins one. End signs out.
//
// # Cookies
//
// With [LayoutAmplify], the default, the cookies are those of Amplify's client with
// ssr: true. Their names are
// CognitoIdentityServiceProvider.<app client>.<user>.<slot>. They are written in its
// encoding, so Amplify in the browser goes on after a refresh by the server.
// LastAuthUser only selects cookies: verified tokens say who the user is. The server's
// clock decides, not clockDrift. No script can read the cookies of [LayoutSealed] and
// [LayoutHandle], which are for sites where Amplify does not sign users in.
//
// A sibling subdomain can plant cookies of the same names. Of a name that comes twice,
// the genuine token counts that fits the user's name best: by its username, or by the
// verified address in an ID token. No token of another user stands in for it. Planted
// cookies can delay an answer by tokens.ErrUnavailable, and sign nobody out. One thing
// cannot be told apart: another user's complete session, planted under that user's own
// name with its LastAuthUser.
//
// # Errors
//
// [ErrSignedOut] says that nobody is signed in. tokens.ErrUnavailable says that nobody
// can tell, because Cognito or its keys cannot be reached. No cookie is touched then, and
// a session that is still valid goes on. An outage signs nobody out.
//
// # Compatibility
//
// Cookies written by any version are read by every later one.
package session
