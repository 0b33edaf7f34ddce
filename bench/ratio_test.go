//go:build unix

package main

import "testing"

// TestInterleave has turns whose costs are counted, not timed, on a machine that gets
// slower with every turn.
func TestInterleave(t *testing.T) {
	slowness := 1.0
	var order string
	counted := func(name string, operations float64) turn {
		return func() float64 {
			order += name
			slowness += 0.5
			return operations * slowness
		}
	}
	c := interleave(0, counted("a", 1), counted("b", 1))
	if order != "abba" {
		t.Errorf("the order of the turns is %s, not abba", order)
	}
	if ratio := c.ratio(1, 0); ratio != exactly(1) {
		t.Errorf("the ratio of equal work is %v, not 1", ratio)
	}
	slowness = 1000
	if ratio := interleave(0, counted("a", 1), counted("b", 2)).ratio(1, 0); ratio.median != 2 {
		t.Errorf("the ratio of double work is %v, not 2", ratio)
	}
}

func TestMet(t *testing.T) {
	for _, c := range []struct {
		name string
		r    result
		want bool
	}{
		{"below an upper bound", atMost("", "", exactly(1), "%g", 2), true},
		{"at an upper bound", atMost("", "", exactly(2), "%g", 2), true},
		{"above an upper bound", atMost("", "", exactly(3), "%g", 2), false},
		{"below a lower bound", atLeast("", "", exactly(1), "%g", 2), false},
		{"above a lower bound", atLeast("", "", exactly(3), "%g", 2), true},
	} {
		if c.r.met() != c.want {
			t.Errorf("%s: met is %v", c.name, c.r.met())
		}
	}
}
