// Package bench compares package matcher with the engines that one would
// otherwise use. It is a module of its own, so that none of them enters the
// module graph of an application.
package bench
