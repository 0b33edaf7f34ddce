// Package cognitotest is an Amazon Cognito user pool in memory, for tests and
// demonstrations. It publishes keys, signs users in, issues, refreshes and
// revokes tokens, and fails on demand. Nothing leaves the process.
//
// For most uses, make a [Server] with its users. Give its UserPool and its HTTP
// client to the code under test. [Server.SignIn] puts the cookies of a signed-in
// user on a request:
//
//	func TestDashboard(t *testing.T) {
//		server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
//		auth, err := cognito.New(cognito.Config{
//			UserPool:   server.UserPool(),
//			HTTPClient: server.Client(),
//			Now:        server.Now,
//		})
//		if err != nil {
//			t.Fatal(err)
//		}
//		r := httptest.NewRequest("GET", "/dashboard", nil)
//		server.SignIn(r, "ada")
//		w := httptest.NewRecorder()
//		auth.Protect(dashboard).ServeHTTP(w, r)
//		if w.Code != http.StatusOK {
//			t.Errorf("ada sees %d, want her dashboard", w.Code)
//		}
//	}
//
// # What is emulated
//
// The Server publishes the user pool's key set. Of the user pool API it has the
// operations GetTokensFromRefreshToken, InitiateAuth (USER_PASSWORD_AUTH and
// REFRESH_TOKEN_AUTH), RevokeToken, GlobalSignOut and GetUser, with Cognito's
// members, error codes and messages. Tokens carry the claims of Cognito's tokens.
//
// Every other operation is refused as unknown. USER_SRP_AUTH is refused as not
// enabled: sign in with Amplify's authFlowType USER_PASSWORD_AUTH.
//
// # Managed login
//
// The user pool has a managed login (hosted UI) with Cognito's paths, parameters,
// cookies and errors. Browsers use /oauth2/authorize, /login, /signup and /logout.
// Apps use /oauth2/token, /oauth2/revoke, /oauth2/userInfo and, at the issuer,
// /.well-known/openid-configuration.
//
// It grants authorization codes, with PKCE, to public app clients and to those
// with a secret. It has neither the implicit nor the client credentials grant.
// Beside the user pool's own users, it can offer external identity providers,
// which are emulated at /idp.
//
// A new Server takes every callback URL on https, localhost and the loopback
// addresses. After [Server.SetLogin] it takes the registered ones only. A test
// signs in without a browser by [Server.Authorize]:
//
//	callback, err := server.Authorize(cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), "ada")
//
// Sign-up follows Cognito's default password policy and confirms new users at
// once: the Server sends no e-mail. Passwords cannot be reset. The pages are
// English whatever lang says.
//
// # Identity pool and services of AWS
//
// UserPool names an identity pool (GetId, GetCredentialsForIdentity). It gives AWS
// credentials to users and, unless [Server.SetGuests] forbids it, to guests.
//
// Three services take these credentials: an AppSync API ([Server.GraphQLURL]), an
// API Gateway REST API ([Server.RESTURL]) and an S3 bucket ([Server.Bucket]). Each
// computes the signature of every request again, with the AWS SDK's own signer,
// and compares. A test thus proves that the code under test signs correctly. The
// SDK signs at the real time: leave the clock alone, or move it with
// testing/synctest.
//
// # Over the network
//
// A Server is an [http.Handler]. On a real port, SetURL names its address:
//
//	ts := httptest.NewServer(server)
//	server.SetURL(ts.URL)
//
// From then on UserPool names that address as Endpoint, Issuer and Domain, and
// tokens carry that issuer. The scheme of the managed login is that of Issuer. A
// browser may call the API from another origin.
//
// # Several user pools and app clients
//
// Each Server is a user pool of its own, with its own id, app client and keys.
// The first of the process is "eu-west-1_Emulator1". [Server.AddClient] adds an
// app client, with or without a secret.
//
// # Panics
//
// Methods panic for mistakes of the test itself, such as an unknown user. They are
// safe for concurrent use while the server serves.
package cognitotest
