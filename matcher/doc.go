// Package matcher selects requests with the patterns of Next.js's
// config.matcher.
package matcher
