// Package replicatest holds tests with several processes that share a Redis. The processes
// are the test binary itself. A Cognito for tests listens on a port in the test's process.
// The tests need redis-server, and run in make test-long only.
package replicatest
