package automaton_test

import (
	"errors"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

func stats(source string) (automaton.Stats, error) {
	text, err := automaton.Decode(source)
	if err != nil {
		return automaton.Stats{}, err
	}
	re, err := automaton.Parse(text)
	if err != nil {
		return automaton.Stats{}, err
	}
	_, s, err := re.CompileStats()
	return s, err
}

func TestMachinesReadFromTheLeftUnlessThatIsMuchLarger(t *testing.T) {
	for _, tt := range []struct {
		source    string
		maxStates int
		backward  bool
	}{
		{"^a(?:/[^/]+)*$", 5, false},
		{`(?<!\.png)$`, 5, false},
		{`^(?!api).*(?<!\.png)$`, 12, false},
		{"^.{20}a", 23, false},
		{"^.*a.{8}$", 19, true},
		{"a[^]{20}$", 23, true},
	} {
		s, err := stats(tt.source)
		if err != nil || s.States > tt.maxStates || s.Backward != tt.backward {
			t.Errorf("%s: %+v, %v", tt.source, s, err)
		}
	}
}

func TestTooLargeAutomataAreRefused(t *testing.T) {
	for _, source := range []string{
		".*a.{20}|^.{20}a.*$",
		"(?:(?:(?:a{10}){10}){10}){10}",
		"(?=.*a)(?<=b)(?=.*c)(?<=.*d)(?=e)(?<=f)(?=g)(?<=.*h)(?=i)(?<=j)",
	} {
		s, err := stats(source)
		var e *automaton.Error
		if !errors.As(err, &e) || e.Offset != 0 || e.Msg != "needs too large an automaton" {
			t.Errorf("%s: %+v, %v", source, s, err)
		}
		if s.States != 0 || s.Steps > 2*(1<<24+1<<16) {
			t.Errorf("%s: %+v", source, s)
		}
	}
}
