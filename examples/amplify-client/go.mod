// This directory holds a program for browsers. As a module of its own it keeps the
// go tool out of node_modules.
module github.com/cognitogate/cognitogate/examples/amplify-client

go 1.26
