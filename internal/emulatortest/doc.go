// Package emulatortest holds tests that use emulators of Cognito which others wrote.
package emulatortest
