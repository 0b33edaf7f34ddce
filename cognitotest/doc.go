// Package cognitotest is an Amazon Cognito user pool in memory, for tests and
// demonstrations: it publishes keys, signs users in, issues, refreshes and
// revokes tokens, and fails on demand. Nothing leaves the process.
//
// For most uses, make a [Server] with its users, give its user pool and its
// HTTP client to the code under test, and let [Server.SignIn] put the cookies
// of a signed-in user on a request:
//
//	func TestDashboard(t *testing.T) {
//		srv := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
//		auth, err := cognito.New(cognito.Config{
//			UserPool:   srv.UserPool(),
//			HTTPClient: srv.Client(),
//			Now:        srv.Now,
//		})
//		if err != nil {
//			t.Fatal(err)
//		}
//		r := httptest.NewRequest("GET", "/dashboard", nil)
//		srv.SignIn(r, "ada")
//		w := httptest.NewRecorder()
//		auth.Protect(dashboard).ServeHTTP(w, r)
//		if w.Code != http.StatusOK {
//			t.Errorf("ada sees %d, want her dashboard", w.Code)
//		}
//	}
//
// # What is emulated
//
// The key set of the pool, and of the user pool API the operations
// GetTokensFromRefreshToken, InitiateAuth (USER_PASSWORD_AUTH and
// REFRESH_TOKEN_AUTH), RevokeToken, GlobalSignOut and GetUser, with Cognito's
// members, error codes and messages. Tokens carry the claims of Cognito's
// tokens. Every other operation is refused as unknown, and USER_SRP_AUTH as not
// enabled: sign in with Amplify's authFlowType USER_PASSWORD_AUTH.
//
// # Managed login
//
// The pool has a managed login (hosted UI) with the paths, parameters, cookies
// and refusals of Cognito's: /oauth2/authorize, /login, /signup and /logout for
// browsers, and for apps /oauth2/token, /oauth2/revoke, /oauth2/userInfo and, at
// the issuer, /.well-known/openid-configuration. It grants authorization codes,
// with PKCE, to public app clients and to those with a secret; there is neither
// the implicit nor the client credentials grant. Beside the pool's users, it can
// offer external identity providers, which are emulated at /idp.
//
// A new Server takes every callback URL on https, localhost and the loopback
// addresses; [Server.SetLogin] registers the right ones, and all others are
// refused. A test signs in without a browser by [Server.Authorize]:
//
//	callback, err := srv.Authorize(cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), "ada")
//
// Nothing is sent by e-mail: whoever signs up is confirmed, under Cognito's
// default password policy. Passwords cannot be reset, and the pages speak
// English whatever lang says.
//
// # Identity pool and services of AWS
//
// UserPool names an identity pool, which gives AWS credentials to users and, until
// [Server.SetGuests] says otherwise, to guests (GetId, GetCredentialsForIdentity).
// They open three services: an AppSync API ([Server.GraphQLURL]), an API Gateway
// REST API ([Server.RESTURL]) and an S3 bucket ([Server.Bucket]). Each computes the
// signature of every request again, with the AWS SDK's own signer, and compares;
// so that a test proves that requests are signed as they should be. The SDK signs
// at the real time: leave the clock alone, or move it with testing/synctest.
//
// # Over the network
//
// A Server is an [http.Handler]. For a real port, say where it is reached:
//
//	ts := httptest.NewServer(srv)
//	srv.SetURL(ts.URL)
//
// From then on UserPool names that address as Endpoint, Issuer and Domain, and
// tokens carry that issuer. The scheme of the managed login is that of Issuer. A
// browser may call the API from another origin.
//
// # Several pools and app clients
//
// Each Server is a pool of its own, with its own id, app client and keys:
// "eu-west-1_Emulator1" is the first of the process. [Server.AddClient] adds an
// app client, with or without a secret, to a pool.
//
// # Panics
//
// Methods panic for mistakes of the test itself, such as a user who was never
// added. They are safe for concurrent use, while the server serves.
package cognitotest
