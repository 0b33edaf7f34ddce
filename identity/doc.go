// Package identity gives signed-in users AWS credentials of a Cognito identity pool,
// and signs requests with them.
//
// For most uses, make one [Pool] for the process and give [Pool.Provider] to clients
// of the AWS SDK. With S3, that is the Go form of Amplify's Storage:
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
// [Transport] signs requests of an http.Client, for REST APIs behind API Gateway.
// Package appsync calls GraphQL APIs.
//
// # Caching
//
// A Pool caches credentials, which are valid for an hour. In their last ten minutes it
// renews them in the background. In the last minute requests wait for new ones. All
// requests of a user share one exchange. Cached credentials last through an outage of
// the identity pool until they expire.
//
// Credentials are cached by the claims of an ID token without its times and ids. So
// all sessions of a user share credentials, unless their claims differ. When a refresh
// changes a claim, for example removes a group, the Pool asks the identity pool again,
// which chooses the role anew.
//
// At most 10 000 credentials and 50 000 identity ids are cached; the least recently
// used ones are forgotten first. All guests of the process share one identity.
//
// # Trust
//
// A user's identity follows from verified tokens alone. Anybody can set Amplify's
// cookie "com.amplify.Cognito.<identity pool>.identityId", so it is neither read nor
// written.
//
// # Errors
//
// session.ErrSignedOut says that nobody is signed in and guests are not allowed.
// tokens.ErrUnavailable says that the identity pool cannot be reached, fails or
// throttles, or that the session has no ID token at present. A failure is remembered
// for a second. A *tokens.APIError without ErrUnavailable is a refusal: the pool
// allows no guests, or has no role for this user. ServeError of package middleware
// answers the first two.
//
// # Compatibility
//
// Fields may be added to Options, Credentials and Transport: use keyed literals.
package identity
