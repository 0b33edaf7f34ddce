module github.com/cognitogate/cognitogate/bench

go 1.26.0

replace github.com/cognitogate/cognitogate => ../

require (
	github.com/cognitogate/cognitogate v0.0.0-00010101000000-000000000000
	github.com/dlclark/regexp2 v1.12.0
)
