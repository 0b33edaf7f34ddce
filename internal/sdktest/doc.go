// Package sdktest holds tests that drive cognitotest with the real AWS SDK.
//
// They are not in cognitotest, so that a module which uses cognitogate does not get
// the SDK's S3 client into its go.sum.
package sdktest
