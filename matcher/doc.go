// Package matcher selects requests by path, with the patterns of the matcher in
// a Next.js middleware.
//
// For most uses [New] is enough, with the patterns that the Next.js application
// has in its config.matcher:
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
// Other characters stand for themselves, after a backslash always.
//
// Some things surprise. Case matters, although the pattern language usually
// ignores it. A negative lookahead such as "/((?!api).*)" excludes everything
// that begins so, "/apiary" and "/api.html" too; write "/((?!api/|api$).*)" for
// less. The dot matches no newline. In "/blog/(.*)" the slash is required,
// unlike in "/blog/:path*".
//
// # Cost
//
// A pattern is compiled to a deterministic automaton that reads the path once:
// matching allocates nothing and takes a nanosecond or two per byte, whatever
// the pattern and the path; nothing backtracks. All rules without conditions
// share one automaton, so that many cost what one does. Compiled values are
// immutable and may be used by any number of goroutines.
//
// # Limits
//
// Refused, although Next.js accepts them, are backreferences, which no
// automaton knows; a backslash at the end of a pattern; escapes in the names of
// groups; counts over 1000; groups nested more than 250 deep; and patterns whose
// automaton would have more than 4096 states or 524 288 entries, or take more
// than some ten million steps to build. The patterns that people write need a
// few dozen states and a millisecond; those made to exceed the limits are
// refused within a fraction of a second. Patterns belong to the program all the
// same: do not compile what clients send.
//
// # Compatibility
//
// The patterns and conditions are those of Next.js 16.4.6, which uses
// path-to-regexp 6.3.0 with regular expressions of ECMA-262 without flags. They
// are compared with recorded answers of the real Next.js, and can be with the
// real one (see TestParity). What Next.js does for its own sake is left out:
// paths under /_next/data and the suffixes .json and .rsc that are spellings of
// one page there, basePath (use [net/http.StripPrefix]), and locales.
//
// What a pattern or a rule matches does not change in v1, except where Next.js
// is found to differ. The text of errors may change; their types do not.
package matcher
