package middleware

import (
	"errors"
	"fmt"

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
