package middleware

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cognitogate/cognitogate/matcher"
)

type ruleError struct {
	Index  int
	Source string
	Err    error
}

func ruleErrors(err error) (list []ruleError) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, part := range joined.Unwrap() {
		var e ruleError
		if _, err := fmt.Sscanf(part.Error(), "rule %d (%q): ", &e.Index, &e.Source); err != nil {
			panic(err)
		}
		e.Index--
		e.Err = errors.Unwrap(part)
		list = append(list, e)
	}
	return list
}

func (a *Auth) pattern(i int) *matcher.Pattern { return matcher.MustCompile(a.rules[i].Source) }

// sessionErrors makes a ConfigError of each mistake that session reports as text.
func sessionErrors(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var list []error
	for _, part := range joined.Unwrap() {
		if e := (*ConfigError)(nil); !errors.As(part, &e) {
			field, text, _ := strings.Cut(part.Error(), ": ")
			part = &ConfigError{Field: field, Err: errors.New(text)}
		}
		list = append(list, part)
	}
	return errors.Join(list...)
}
