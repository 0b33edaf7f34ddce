// Package matcher selects requests by path, with the patterns of the matcher in
// a Next.js middleware.
//
// For most uses [New] is enough, with the patterns in the config.matcher of the
// Next.js application:
//
//	m, err := matcher.New(matcher.Paths(
//		"/dashboard/:path*",
//		"/((?!api|_next/static|_next/image|favicon.ico).*)",
//	)...)
//	…
//	if m.Match(r) {
//		// Next.js would run its middleware.
//	}
//
// Conditions on headers, cookies, the query and the host make a [Rule]. A whole
// config.matcher can be pasted as JSON; see [Rules]. A single pattern is a
// [Pattern].
//
// # Patterns
//
// A pattern begins with a slash and stands for the whole path:
//
//	/about              this path, also with one slash, # or ? after it
//	/blog/:slug         one segment; names may be any word
//	/blog/:slug?        a segment or none
//	/blog/:path*        any number of segments, also none
//	/blog/:path+        at least one
//	/post/:id(\d+)      a segment that matches a regular expression
//	/files/(.*)         a regular expression
//	/{v1/}?users        text that is optional, or with * or + repeated
//
// The regular expressions are JavaScript's, with lookaheads and lookbehinds.
// Other characters stand for themselves. After a backslash, all characters do.
//
// Four things surprise. Case matters, although path-to-regexp usually ignores it.
// A negative lookahead such as "/((?!api).*)" excludes every path that begins
// like it, "/apiary" and "/api.html" too. Write "/((?!api/|api$).*)" to exclude
// less. The dot matches no newline. In "/blog/(.*)" the slash is required, unlike
// in "/blog/:path*".
//
// # Cost
//
// A pattern is compiled to a deterministic automaton, which reads the path once.
// Nothing backtracks. Matching allocates nothing and takes a nanosecond or two
// per byte, whatever the pattern and the path. All rules without conditions share
// one automaton, so many rules cost as much as one. Compiled values are immutable
// and safe for concurrent use.
//
// Conditions are answered once for each request, however many rules and paths ask,
// and only if a rule with that condition matches the path.
//
// # Limits
//
// Some patterns are refused although Next.js accepts them:
//
//   - backreferences, which no automaton can follow
//   - a backslash at the end of a pattern
//   - escapes in the names of groups
//   - counts over 1000, and groups nested more than 250 deep
//   - automata of more than 4096 states or 524 288 entries, or of more than some
//     ten million steps to build
//
// The patterns that people write need a few dozen states and a millisecond. A
// pattern made to exceed the limits is refused within a fraction of a second.
// Even so, compile only patterns of your program, and none that clients send.
//
// Conditions read at most 64 KiB of a request. That counts each header, all cookies,
// the query and the host once. It counts a value once more for each expression that
// the value is matched with. A rule with a condition that is too long to read matches,
// be the condition in Has or in Missing. So no client can switch a rule off with a
// long text. Node.js refuses requests whose headers have more than 16 KiB.
//
// # Compatibility
//
// The patterns and conditions are those of Next.js 16.4.6, which uses
// path-to-regexp 6.3.0 with regular expressions of ECMA-262 without flags. Tests
// compare them with recorded answers of the real Next.js. TestParity compares
// them with Next.js itself.
//
// This package leaves out the parts that serve only Next.js: paths under
// /_next/data and the suffixes .json and .rsc, which are spellings of one page
// there; basePath (use [net/http.StripPrefix]); and locales.
//
// In v1 no pattern or rule changes what it matches, except where Next.js is found
// to differ. The text of errors may change; their types do not.
package matcher
