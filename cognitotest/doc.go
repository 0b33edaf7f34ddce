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
// # Over the network
//
// A Server is an [http.Handler]. For a real port, say where it is reached:
//
//	ts := httptest.NewServer(srv)
//	srv.SetURL(ts.URL)
//
// From then on UserPool names that address as Endpoint and Issuer, and tokens
// carry that issuer. A browser may call it from another origin.
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
