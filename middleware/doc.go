// Package middleware protects the routes of a Go HTTP server with the Amazon
// Cognito session that AWS Amplify keeps in cookies.
//
// It does for chi, and for any router of net/http handlers, what
// @aws-amplify/adapter-nextjs does for Next.js. chi has a package of the same
// name, so import this one as cognito. For most uses, mount Protect, and mount
// RequireGroup on the routes that are for some users only:
//
//	auth, err := cognito.New(cognito.Config{
//		UserPool: cognito.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"},
//		Matcher:  []string{"/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"},
//	})
//	…
//	router.Use(auth.Protect)
//	router.With(auth.RequireGroup("admins")).Get("/admin", admin)
//
// Handlers get the session with [Auth.Session], or with session.FromContext where the Auth
// is not at hand. Users sign in with Amplify in the browser, or on this server: set
// Config.Origin, and mount [Auth.Routes].
//
// # What a request goes through
//
//  1. Is the path protected? The guard asks the matcher about every form of the path
//     that a router could act on, and one match is enough. A request for another path
//     goes on untouched.
//  2. The guard reads the cookies and verifies their tokens.
//  3. It refreshes expired tokens, verifies the new ones, sets their cookies on the
//     answer, and shows them to the handlers behind.
//  4. A signed-out user is sent to the sign-in page, or gets 401 if the request is not
//     for a page.
//  5. A signed-in user who may not see the route gets 403.
//
// If the session cannot be verified because Cognito cannot be reached, the answer is
// 503 with Retry-After and the cookies stay: an outage signs nobody out.
//
// # The header of an answer
//
// A guard completes the header of an answer when it goes out, whatever handlers have
// done to it. Paths that Protect leaves alone have the header of their handlers.
// Refreshed cookies are on the answer, unless a sign-in or sign-out has replaced
// them. Where the handler has set no Cache-Control, it is "private, no-store", or
// "no-store" on a refusal. An answer with the session's cookies is never stored by a
// cache, whatever the handler has set. Headers that only some caches obey, such as
// CDN-Cache-Control and X-Accel-Expires, are dropped from it too, and from every guarded
// answer if they were set outside the guard. Vary names Cookie. Informational answers
// (1xx) have none of this.
//
// Handlers get a response writer with the optional methods of the one around the guard.
// http.MaxBytesReader cannot tell net/http through it to close the connection. On
// HTTP/1, an answer with status 413 closes it.
//
// # APIs
//
// With Config.Bearer, programs send the access token in the Authorization header. Tokens
// of further app clients are accepted as Config.BearerClients says, and never from cookies.
// [Auth.RequireScope] asks for scopes. [Auth.RequireMachine] lets programs pass that act for
// no user. WWW-Authenticate tells a client what is wrong with its token (RFC 6750), and
// [Auth.ResourceMetadata] where to get one (RFC 9728).
//
// # How old a session is
//
// Groups are those of the access token, which may be an hour old. [Auth.Fresh] has an older
// token refreshed first. [Auth.RequireRecent] has users sign in again before what they should
// confirm. docs/tenants.md is about several user pools in one program: see [AnyOf].
//
// # What is let through on purpose
//
// Protect lets through every path that no pattern of the matcher selects, the sign-in
// page, and the path of a resource's metadata. Config.Preflight, and not the handler,
// answers CORS preflights. Patterns that exclude are easy to get wrong: "/((?!api).*)" excludes
// /apiary too. Put [Auth.Require] or [Auth.RequireGroup] on routes that must never be
// public; they do not ask the matcher.
//
// # Compatibility
//
// Decisions never change their text; new ones may appear. Fields may be added to
// structs: use keyed literals.
package middleware
