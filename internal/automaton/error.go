package automaton

import "fmt"

// An Error says what is wrong with an expression, and where.
type Error struct {
	Offset int    // of the [Unit] in question; 0 if there is none in particular
	Msg    string // without the offset
}

func (e *Error) Error() string { return fmt.Sprintf("%s at offset %d", e.Msg, e.Offset) }

// fail ends a parse from deep within it, with an error that recoverError returns.
func fail(offset int, format string, args ...any) {
	panic(&Error{offset, fmt.Sprintf(format, args...)})
}

// recoverError is deferred by functions that call fail. It sets *err to the Error
// that fail panicked with.
func recoverError(err *error) {
	switch v := recover().(type) {
	case nil:
	case *Error:
		*err = v
	default:
		panic(v)
	}
}
