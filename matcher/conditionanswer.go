package matcher

import "net/http"

// maxRead bounds what the conditions of all rules read of one request, in bytes. It
// counts each header, the query and the host once. It counts a value once more for
// each expression that the value is matched with. Node.js refuses requests whose
// headers have more than 16 KiB.
const maxRead = 64 << 10

// An answer says whether a condition holds for a request.
type answer uint8

const (
	unanswered answer = iota
	holds
	fails
	tooLong // to read within maxRead
)

// conditionAnswers answers the conditions of a set for one request. It reads each
// property once and answers each condition once, however many rules and paths ask.
type conditionAnswers struct {
	set     *conditionSet
	answers []answer // by number of the condition; nil until a rule asks
	values  propertyValues
}

func newConditionAnswers(set *conditionSet, r *http.Request) conditionAnswers {
	return conditionAnswers{set: set, values: propertyValues{set: &set.properties, r: r, left: maxRead}}
}

// satisfy reports whether a rule with these demands matches. A client must not switch
// a rule off with a long text. So the rule matches if one of its conditions is too
// long to read.
func (a *conditionAnswers) satisfy(demands []demand) bool {
	satisfied := true
	for _, d := range demands {
		switch a.answer(d.condition) {
		case d.want:
		case tooLong:
			return true
		default:
			satisfied = false
		}
	}
	return satisfied
}

func (a *conditionAnswers) answer(n int) answer {
	if a.answers == nil {
		a.answers = make([]answer, len(a.set.list))
	}
	if a.answers[n] == unanswered {
		a.answers[n] = a.match(&a.set.list[n])
	}
	return a.answers[n]
}

// match is hasMatch in Next.js's matchHas.
func (a *conditionAnswers) match(c *condition) answer {
	value := a.values.get(c.property)
	switch {
	case value.state == unreadable:
		return tooLong
	case value.state == absent:
		return fails
	case c.value == nil:
		return holds
	case !a.values.take(len(value.text)):
		return tooLong
	case c.value.Match(value.text):
		return holds
	}
	return fails
}
