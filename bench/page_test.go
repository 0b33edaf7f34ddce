//go:build unix

package main

import "testing"

func TestReplaceIn(t *testing.T) {
	table := new(table)
	table.results = []result{
		atMost("P1", "a|b", exactly(1), "%.0f %%", 2),
		atLeast("P2", "c", exactly(1), "%.1f", 2),
		informs("P3", "d", exactly(1), "%.0f ms"),
	}
	got, err := table.replaceIn("before\n"+tableStart+"old\n"+tableEnd+"after\n", "A line.")
	want := "before\n" + tableStart + `
A line.

| | what | measured | target | met |
|---|---|---|---|---|
| P1 | a\|b | 1 % | ≤ 2 % | yes |
| P2 | c | 1.0 | ≥ 2.0 | no |
| P3 | d | 1 ms |  |  |

` + tableEnd + "after\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	for _, page := range []string{"", tableStart, tableEnd + tableStart} {
		if _, err := table.replaceIn(page, ""); err == nil {
			t.Errorf("a page %q is changed", page)
		}
	}
}
