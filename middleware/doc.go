// Package middleware protects the routes of a Go HTTP server with the Amazon
// Cognito session that AWS Amplify keeps in cookies.
//
// It does for chi, and for any router of net/http handlers, what
// @aws-amplify/adapter-nextjs does for Next.js. chi has a package of the same
// name, so import this one as cognito. For most uses, mount Protect, and
// RequireGroup on the routes that not everybody may see:
//
//	auth, err := cognito.New(cognito.Config{
//		UserPool: cognito.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"},
//		Matcher:  []string{"/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"},
//	})
//	…
//	router.Use(auth.Protect)
//	router.With(auth.RequireGroup("admins")).Get("/admin", admin)
//
// Handlers find who is signed in with session.FromContext.
//
// # What a request goes through
//
// Is the path protected? The matcher is asked about every form of the path that a
// router could act on, and one that matches is enough. If not, the request goes
// on untouched. Then the cookies are read and their tokens verified. Expired tokens
// are refreshed; the new ones are verified, set on the answer and shown to the
// handlers behind. Whoever is not signed in is sent to the sign-in page, or gets
// 401 if the request is not a page's. Whoever may not see the route gets 403. If
// Cognito cannot be reached and it cannot be told who is signed in, the answer is
// 503 with Retry-After and the cookies stay: an outage signs nobody out.
//
// # What is let through on purpose
//
// A path that no matcher pattern selects, and the sign-in page itself. Patterns
// that exclude are easy to get wrong: "/((?!api).*)" leaves out /apiary too. Use
// [Auth.Require] or [Auth.RequireGroup] on routes that must never be public,
// whatever the matcher says.
//
// # Compatibility
//
// Decisions never change their text; new ones may appear. Fields may be added to
// structs: use keyed literals.
package middleware
