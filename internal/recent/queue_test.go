package recent_test

import (
	"slices"
	"testing"

	"github.com/cognitogate/cognitogate/internal/recent"
)

func TestQueueDisplacesOwnValuesFirst(t *testing.T) {
	q := recent.Queue[string, int]{Max: 4, Share: 2}
	values := func() (all []int) {
		for item := range q.All() {
			all = append(all, item.Value)
		}
		return all
	}
	for _, step := range []struct {
		owner string
		value int
		want  []int
	}{
		{"ada", 1, []int{1}},
		{"bob", 2, []int{1, 2}},
		{"bob", 3, []int{1, 2, 3}},
		{"bob", 4, []int{1, 3, 4}}, // beyond bob's share
		{"eve", 5, []int{1, 3, 4, 5}},
		{"ada", 6, []int{3, 4, 5, 6}}, // full, and ada has a value
		{"joe", 7, []int{4, 5, 6, 7}}, // full, and joe has none
	} {
		q.Add(step.owner, step.value)
		if got := values(); !slices.Equal(got, step.want) || q.Len() != len(got) {
			t.Errorf("after %d of %s: %v, want %v", step.value, step.owner, got, step.want)
		}
	}
	for item := range q.All() {
		if item.Value%2 == 0 {
			q.Remove(item)
			q.Remove(item)
		}
	}
	if got := values(); !slices.Equal(got, []int{5, 7}) {
		t.Errorf("after the removal: %v", got)
	}
}

// TestQueueIsBounded has one owner add values without end. Those of others stay.
func TestQueueIsBounded(t *testing.T) {
	q := recent.Queue[int, int]{Max: 8, Share: 8}
	q.Add(-1, -1)
	for i := range 1000 {
		if _, displaced := q.Add(0, i); displaced != nil && displaced.Value < 0 {
			t.Fatalf("value %d displaces another owner's", i)
		}
		if q.Len() > 8 {
			t.Fatalf("%d values are held", q.Len())
		}
	}
	for i := range 1000 { // owners without values
		q.Add(i, i)
		if q.Len() > 8 {
			t.Fatalf("%d values are held", q.Len())
		}
	}
}
