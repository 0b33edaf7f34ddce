package recent_test

import (
	"testing"

	"github.com/cognitogate/cognitogate/internal/recent"
)

func TestLRUForgetsTheLeastRecentlyUsed(t *testing.T) {
	l := recent.LRU[int, string]{Max: 3}
	if _, ok := l.Get(1); ok || l.Len() != 0 {
		t.Error("a new LRU is not empty")
	}
	l.Put(1, "a")
	l.Put(2, "b")
	l.Put(3, "c")
	l.Put(2, "B") // uses 2
	l.Get(1)      // uses 1
	l.Put(4, "d")
	if _, ok := l.Get(3); ok {
		t.Error("3 is remembered, although it was used least recently")
	}
	for key, want := range map[int]string{1: "a", 2: "B", 4: "d"} {
		if got, ok := l.Get(key); !ok || got != want {
			t.Errorf("%d is %q, %t", key, got, ok)
		}
	}
}

func TestLRUIsBounded(t *testing.T) {
	const limit = 8
	l := recent.LRU[int, int]{Max: limit}
	l.Put(-1, 0)
	for i := range 1000 {
		l.Put(i, i)
		if _, ok := l.Get(-1); !ok {
			t.Fatalf("after %d, a value in constant use is forgotten", i)
		}
		if l.Len() > limit {
			t.Fatalf("%d values are remembered", l.Len())
		}
	}
}
