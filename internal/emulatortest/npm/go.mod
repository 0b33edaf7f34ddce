// This directory holds programs from npm. As a module of its own it keeps the go tool
// out of node_modules.
module github.com/cognitogate/cognitogate/internal/emulatortest/npm

go 1.26
