//go:build unix

package main

import (
	"fmt"
	"io"
	"math"
)

// A result is one line of the table: a number and its target.
type result struct {
	row, what string
	value     spread
	format    string  // of value and target: "%.2f A"
	target    float64 // NaN: the number only informs
	least     bool    // the target is the least value, not the most
}

func (r result) hasTarget() bool { return !math.IsNaN(r.target) }

func (r result) met() bool {
	if r.least {
		return r.value.median >= r.target
	}
	return r.value.median <= r.target
}

// atMost is a result whose target is an upper bound.
func atMost(row, what string, value spread, format string, target float64) result {
	return result{row: row, what: what, value: value, format: format, target: target}
}

// atLeast is a result whose target is a lower bound.
func atLeast(row, what string, value spread, format string, target float64) result {
	return result{row: row, what: what, value: value, format: format, target: target, least: true}
}

// informs is a result without a target.
func informs(row, what string, value spread, format string) result {
	return atMost(row, what, value, format, math.NaN())
}

// exactly is the spread of a number that was measured once or does not vary.
func exactly(x float64) spread { return spread{x, x, x} }

// times multiplies a spread, for another unit.
func (s spread) times(x float64) spread { return spread{s.low * x, s.median * x, s.high * x} }

// table prints results as they come.
type table struct {
	out     io.Writer
	results []result
	missed  int
	load    float64 // of the machine, at the start
}

const columns = "%-4s %-64s %-18s %-16s %-18s %s\n"

func (t *table) header() {
	t.print("row", "what", "measured", "quartiles", "target", "met")
}

func (t *table) add(r result) {
	t.results = append(t.results, r)
	quartiles, met := "", ""
	if r.value.low < r.value.high {
		quartiles = fmt.Sprintf("%.3g to %.3g", r.value.low, r.value.high)
	}
	if r.hasTarget() {
		met = "met"
		if !r.met() {
			met = "not met"
			t.missed++
		}
	}
	t.print(r.row, r.what, r.text(r.value.median), quartiles, r.bound(), met)
}

func (r result) text(value float64) string { return fmt.Sprintf(r.format, value) }

// bound returns the target as the table has it, or "".
func (r result) bound() string {
	switch {
	case !r.hasTarget():
		return ""
	case r.least:
		return "≥ " + r.text(r.target)
	}
	return "≤ " + r.text(r.target)
}

func (t *table) print(cells ...any) {
	fmt.Fprintf(t.out, columns, cells...)
}
