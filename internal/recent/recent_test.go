package recent_test

import (
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestMapForgetsByTime(t *testing.T) {
	m := recent.Map[string, int]{Keep: time.Minute, Max: 10}
	if m.Len() != 0 || m.Has("a", start) {
		t.Error("a new Map is not empty")
	}
	m.Put("a", 1, start)
	m.Put("b", 2, start.Add(30*time.Second))
	m.Put("a", 3, start.Add(45*time.Second))
	if v, ok := m.Get("a", start.Add(time.Minute)); !ok || v != 3 {
		t.Errorf("a is %d, %t", v, ok)
	}
	if m.Has("b", start.Add(90*time.Second)) {
		t.Error("b is remembered for too long")
	}
	if !m.Has("b", start.Add(89*time.Second)) {
		t.Error("b is forgotten too early")
	}
	for after, want := range map[time.Duration]bool{-14 * time.Second: true, -15 * time.Second: false, -time.Hour: false} {
		if m.Has("a", start.Add(after)) != want {
			t.Errorf("with a clock set back to %v: remembered %t", after, !want)
		}
	}
}

func TestMapForgetsTheOldest(t *testing.T) {
	const limit = 8
	m := recent.Map[int, int]{Keep: time.Hour, Max: limit}
	for i := range 1000 {
		m.Put(i, i, start)
		if n := m.Len(); n > 2*limit {
			t.Fatalf("after %d, %d values are remembered", i, n)
		}
		for k := max(0, i-limit+1); k <= i; k++ {
			if !m.Has(k, start) {
				t.Fatalf("after %d, %d is forgotten", i, k)
			}
		}
	}
	for i := range 1000 - 2*limit {
		if m.Has(i, start) {
			t.Fatalf("%d is still remembered", i)
		}
	}
}

func TestMapDeletes(t *testing.T) {
	m := recent.Map[int, int]{Keep: time.Hour, Max: 2}
	m.Delete(1)
	for k := range 4 { // 0 and 1 are the older half
		m.Put(k, k, start)
	}
	m.Put(1, 5, start)
	for _, k := range []int{1, 2} {
		if m.Delete(k); m.Has(k, start) {
			t.Errorf("%d is still remembered", k)
		}
	}
	if !m.Has(3, start) {
		t.Error("another value is forgotten")
	}
}

// TestMapKeepsFromAnEarlierTime: values that were put elsewhere are kept from then on, and
// do not push out those that were put here.
func TestMapKeepsFromAnEarlierTime(t *testing.T) {
	m := recent.Map[string, int]{Keep: time.Hour, Max: 4}
	for i, key := range []string{"a", "b", "c", "d"} { // the first generation
		m.Put(key, i, start)
	}
	m.PutAt("earlier", 9, start.Add(-50*time.Minute), start) // begins the second
	m.Put("e", 4, start.Add(15*time.Minute))
	for key, want := range map[string]bool{"a": true, "d": true, "e": true, "earlier": false} {
		if m.Has(key, start.Add(15*time.Minute)) != want {
			t.Errorf("%s: remembered %t", key, !want)
		}
	}
	if !m.Has("earlier", start.Add(9*time.Minute)) {
		t.Error("it is forgotten too early")
	}
	m.PutAt("e", 5, start.Add(-50*time.Minute), start.Add(16*time.Minute))
	if v, ok := m.Get("e", start.Add(74*time.Minute)); !ok || v != 5 {
		t.Errorf("a value that was put later is %d, %t", v, ok)
	}
	m.PutAt("e", 6, start, start.Add(10*time.Minute)) // the clock was set back
	if m.Has("e", start.Add(61*time.Minute)) {
		t.Error("a time in the future is kept")
	}
}
