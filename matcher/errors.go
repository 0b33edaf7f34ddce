package matcher

import (
	"errors"
	"fmt"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

// A SyntaxError says what is wrong with a pattern, or with the regular
// expression in a condition, and where.
type SyntaxError struct {
	Source string // the pattern, or the Value of the condition
	Offset int    // where, in bytes from the start of Source; 0 if nowhere in particular
	Msg    string // what, without the place
}

// Error returns source, message and place in one line.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid pattern %q: %s", e.Source, e.withoutSource())
}

func (e *SyntaxError) withoutSource() string {
	return fmt.Sprintf("%s at offset %d", e.Msg, e.Offset)
}

func newSyntaxError(source string, offset int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Source: source, Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

// asSyntaxError returns an error of package automaton as a *SyntaxError.
func asSyntaxError(source string, err error) error {
	if e, ok := errors.AsType[*automaton.Error](err); ok {
		return &SyntaxError{Source: source, Offset: e.Offset, Msg: e.Msg}
	}
	return err
}

// A RuleError is what is wrong with one rule. [New] and [Rules.UnmarshalJSON]
// return one for each mistake, joined. Their Unwrap() []error lists them.
type RuleError struct {
	Index  int    // of the rule, counted from 0
	Source string // the pattern of the rule
	Err    error
}

// Error returns the number of the rule, counted from 1, its pattern, and Err.
func (e *RuleError) Error() string {
	msg := e.Err.Error()
	if s, ok := e.Err.(*SyntaxError); ok {
		msg = s.withoutSource() // its source is the rule's
	}
	return fmt.Sprintf("rule %d (%q): %s", e.Index+1, e.Source, msg)
}

// Unwrap returns Err.
func (e *RuleError) Unwrap() error { return e.Err }
