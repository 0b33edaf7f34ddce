// Package nginxtest holds tests that put the nginx configuration of docs/proxies.md in
// front of a site. They need nginx, and run in make test-long only.
package nginxtest
