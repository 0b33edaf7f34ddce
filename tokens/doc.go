// Package tokens verifies, refreshes and revokes the JSON Web Tokens of an
// Amazon Cognito user pool.
//
// Most programs use package middleware, which uses this one. For a program that
// has a token and wants to know whose it is, a [Verifier] is enough:
//
//	v, err := tokens.NewVerifier(tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"}, nil)
//	…
//	token, err := v.Verify(ctx, raw, tokens.Access)
//
// # What is accepted
//
// A token is accepted only in the one form in which Cognito issues it: a JWS in
// compact serialisation (RFC 7515) of at most 16 KiB, signed with RS256 by a
// key of the key set (RFC 7517) of the issuer that it names, whose issuer and
// app client are the pool's, whose token_use is the one that was asked for, and
// whose time has come and not gone. No member of the token's header selects
// anything but the key's id; "jwk", "jku", "x5u" and "x5c" are not read.
// The clock of the server decides about nbf and exp; iat is not compared.
//
// # Errors
//
// A refused token is a [*VerifyError] with a [Reason]; ask with
// errors.Is(err, tokens.Expired). A token that could not be judged, because
// the pool's keys cannot be had, is [ErrUnavailable]: that says nothing of the
// token. What Cognito's API answered is an [*APIError].
//
// # Compatibility
//
// Reasons and the operation names given to hooks never change; new ones may
// appear. Fields may be added to structs: use keyed literals. The interface
// [KeySet] never grows.
package tokens
