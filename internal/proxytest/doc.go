// Package proxytest holds tests that put the nginx and the Caddy configuration of
// docs/proxies.md and docs/streams.md in front of a site. They need nginx and Caddy, and
// run in make test-long only.
package proxytest
