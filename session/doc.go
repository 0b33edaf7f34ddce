// Package session keeps Amazon Cognito sessions in the cookies of AWS Amplify.
//
// Handlers behind a guard of package middleware need one line of it:
//
//	s, ok := session.FromContext(r.Context())
//
// A program that guards its routes by itself uses a [Manager]: Fetch reads and
// refreshes the session of a request, Start begins one, End signs out. They are
// Amplify's fetchAuthSession, and what its client does at a sign-in and sign-out.
//
// # Cookies
//
// The cookies are those of Amplify's client with ssr: true, named
// CognitoIdentityServiceProvider.<app client>.<user>.<slot>, and are written in
// its encoding, so that Amplify in the browser reads on after a refresh by the
// server. LastAuthUser only selects cookies: who is signed in is what verified
// tokens say. A name that comes twice is resolved by what verifies. clockDrift
// is not believed: the server's clock decides.
//
// # Errors
//
// [ErrSignedOut] says that nobody is signed in. tokens.ErrUnavailable says that it
// cannot be told, because Cognito or its keys cannot be reached; then no cookie is
// touched, and a request is answered with whatever is still valid. The two are
// never confused: an outage signs nobody out.
//
// # Calling other services
//
// A [Transport] sends requests in the name of the session in their context, to the
// hosts that it is told and to no other.
//
// # Compatibility
//
// Cookies written by any version are read by every later one.
package session
