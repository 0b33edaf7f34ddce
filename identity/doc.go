// Package identity gives the users of a session AWS credentials of a Cognito
// identity pool, and signs requests with them.
//
// For most uses, make one [Pool] for the process and give [Pool.Provider] to the
// clients of the AWS SDK, which are the Go form of Amplify's Storage:
//
//	pool, err := identity.NewPool(userPool, &identity.Options{AllowGuest: true})
//	…
//	func splash(w http.ResponseWriter, r *http.Request) {
//		s, _ := session.FromContext(r.Context()) // nil, a guest, if nobody is signed in
//		files := s3.New(s3.Options{Region: "eu-west-1", Credentials: pool.Provider(s)})
//		url, err := s3.NewPresignClient(files).PresignGetObject(r.Context(),
//			&s3.GetObjectInput{Bucket: aws.String("files"), Key: aws.String("public/splash.png")})
//		…
//	}
//
// [Transport] signs requests of a plain http.Client, for REST APIs behind API
// Gateway. Package appsync calls GraphQL APIs.
//
// # Caching
//
// Credentials are good for an hour, and are kept until shortly before their end:
// in the last ten minutes they are renewed in the background, in the last minute
// requests wait for new ones. However many requests ask, one exchange per user is
// under way. An outage of the identity pool is not seen by those whose credentials
// are kept, until they end.
//
// What is kept belongs to the claims of an ID token, except its times and ids. So
// all sessions of a user share credentials, unless their claims differ; and when a
// refresh brings an ID token with other claims, such as a group less, the identity
// pool is asked again and chooses the role anew.
//
// At most 10 000 credentials and 50 000 identity ids are kept; the least recently
// used ones are forgotten first. The whole process is one guest.
//
// # Trust
//
// Whose identity it is, verified tokens say. Amplify's cookie
// "com.amplify.Cognito.<identity pool>.identityId", which anybody can set, is not
// read and not written.
//
// # Errors
//
// session.ErrSignedOut says that nobody is signed in and guests are not allowed.
// tokens.ErrUnavailable says that the identity pool cannot be reached, fails or
// throttles, or that the session has no ID token at present; a failure is
// remembered for a second. A *tokens.APIError without ErrUnavailable is a refusal:
// the pool allows no guests, or has no role for this user. ServeError of package
// middleware answers the first two as it should.
//
// # Compatibility
//
// Fields may be added to Options, Credentials and Transport: use keyed literals.
package identity
