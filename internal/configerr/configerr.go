// Package configerr collects the mistakes of a configuration, so that a constructor
// reports all of them at once.
package configerr

import (
	"errors"
	"fmt"

	"github.com/cognitogate/cognitogate/tokens"
)

// List holds the mistakes found so far. Each is a [*tokens.ConfigError].
type List []error

// Add notes a mistake of a field.
func (l *List) Add(field, format string, args ...any) {
	*l = append(*l, &tokens.ConfigError{Field: field, Err: fmt.Errorf(format, args...)})
}

// Join adds the mistakes in err, with prefix before the names of their fields. A part
// of err that is no ConfigError becomes a mistake of the field prefix. A nil err adds
// nothing.
func (l *List) Join(prefix string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			l.Join(prefix, part)
		}
		return
	}
	var mistake *tokens.ConfigError
	switch {
	case !errors.As(err, &mistake):
		*l = append(*l, &tokens.ConfigError{Field: prefix, Err: err})
	case prefix == "":
		*l = append(*l, mistake)
	default:
		*l = append(*l, &tokens.ConfigError{Field: prefix + "." + mistake.Field, Err: mistake.Err})
	}
}

// Err returns the mistakes joined, or nil if there are none.
func (l List) Err() error { return errors.Join(l...) }
