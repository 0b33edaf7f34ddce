// Package bench compares package matcher with the engines that one would
// otherwise use. It is a module of its own, so that none of them enters the
// module graph of an application. From this directory,
//
//	go test -bench . -benchtime 200x
//
// prints how many times slower they are, and fails where a target is missed.
package bench
