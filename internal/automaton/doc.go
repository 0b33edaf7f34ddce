// Package automaton compiles JavaScript regular expressions to finite automata.
//
// For most uses [Compile] is enough:
//
//	m, err := automaton.Compile(`^\/((?!api).*)$`)
//	…
//	if m.Match("/dashboard") {
//		// The expression matches.
//	}
//
// A program that writes an expression from a source in another language makes a
// text of [Unit] values. Then [Parse] reports errors at their place in that
// source. [Union] makes one machine of many.
//
// # Expressions
//
// The language is ECMA-262 with Annex B, without any flag. A [Machine] answers
// yes or no, so captures and laziness have no meaning. The package refuses
// backreferences, which no automaton can follow, escapes in the names of groups,
// and expressions that exceed its limits.
//
// # Construction
//
// An expression passes through five forms, each in a file of its own:
//
//	text      UTF-16 code units               unit.go
//	tree      syntax nodes                    parser.go, escape.go
//	program   instructions                    program.go
//	dfa       a table of states and symbols   determinize.go, reverse.go
//	Machine   the table, laid out to run      machine.go
//
// A lookahead is a conjunction in a program, or the negation of one. Whether an
// instruction matches at a position follows from what matches one position to
// the right. So a dfa that reads from right to left decides all instructions at
// once: its state is the set of those that match.
//
// A lookbehind needs the other direction. Its dfa stands beside the main one and
// runs the other way. Reversing the main dfa then merges both into one.
//
// # Languages
//
// The texts that a Machine matches are its language. [Intersection], [Difference] and
// [Complement] make machines of others, and [Machine.ShortestWord] shows a text of the
// language, or that there is none (product.go, preimage.go, word.go). All run machines
// that read from the left, and have [ErrTooLarge] where one needs too many states for
// that. [GoSyntax] makes an expression of Go one of JavaScript.
package automaton
