// Package tokens verifies, refreshes and revokes the JSON Web Tokens of an
// Amazon Cognito user pool.
//
// Most programs use package middleware, which uses this one. A program that has a
// token, and wants to know whose it is, needs a [Verifier] only:
//
//	v, err := tokens.NewVerifier(tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"}, nil)
//	…
//	token, err := v.Verify(ctx, raw, tokens.Access)
//
// # What is accepted
//
// A Verifier accepts a token only in the form in which Cognito issues it:
//
//   - a JWS in compact serialisation (RFC 7515) of at most 16 KiB,
//   - of an issuer and an app client of the user pool,
//   - signed with RS256 by a key of that issuer's key set (RFC 7517),
//   - with the token_use that the caller asks for,
//   - after nbf and before exp, by the server's clock. iat is not compared.
//
// The token's header selects the key's id and nothing else: "jwk", "jku", "x5u" and
// "x5c" are not read.
//
// # Errors
//
// The error of a refused token is a [*VerifyError] with a [Reason]; ask with
// errors.Is(err, tokens.Expired). If the user pool's keys cannot be fetched, the
// error is [ErrUnavailable], which says nothing about the token. An error that
// Cognito's API answered is an [*APIError]. Constructors report mistakes as
// [*ConfigError].
//
// # Compatibility
//
// Reasons and the names of operations in hooks never change; new ones may appear.
// Fields may be added to structs: use keyed literals. The interface [KeySet] never
// grows.
package tokens
