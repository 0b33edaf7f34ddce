// Package recent remembers values in bounded memory: a [Map] by age, an [LRU] by use,
// and a [Queue] in order, with a share for each owner.
package recent

import "time"

// Map remembers values for Keep, unless more than Max others are put meanwhile. Then
// it forgets the oldest. So a flood can push a value out, and can never keep a value
// from being noted. Every step takes constant time. A Map holds at most twice Max
// values. It needs a lock; the zero Map with Keep and Max set is ready.
type Map[K comparable, V any] struct {
	Keep time.Duration
	Max  int

	young, old map[K]entry[V] // when young is full or aged, it becomes old
	youngSince time.Time
}

type entry[V any] struct {
	value V
	putAt time.Time
}

// Get returns the value that was put under key less than Keep ago.
func (m *Map[K, V]) Get(key K, now time.Time) (value V, ok bool) {
	e, ok := m.young[key]
	if !ok {
		e, ok = m.old[key]
	}
	if !ok || m.expired(e.putAt, now) {
		return value, false
	}
	return e.value, true
}

// Has reports whether a value was put under key less than Keep ago.
func (m *Map[K, V]) Has(key K, now time.Time) bool {
	_, ok := m.Get(key, now)
	return ok
}

// Put remembers value under key and forgets the key's earlier one.
func (m *Map[K, V]) Put(key K, value V, now time.Time) {
	if m.young == nil || len(m.young) >= m.Max || m.expired(m.youngSince, now) {
		m.old, m.young, m.youngSince = m.young, make(map[K]entry[V]), now
	}
	m.young[key] = entry[V]{value, now}
}

// Delete forgets the value that was put under key.
func (m *Map[K, V]) Delete(key K) {
	delete(m.young, key)
	delete(m.old, key)
}

// Len returns how many values are remembered, with those that have become too old and
// are not forgotten yet.
func (m *Map[K, V]) Len() int { return len(m.young) + len(m.old) }

// expired reports whether a value put at that time is too old. A time far in the
// future is too old as well: a clock that was set back must not keep a value for
// ever.
func (m *Map[K, V]) expired(putAt, now time.Time) bool {
	age := now.Sub(putAt)
	return age >= m.Keep || age <= -m.Keep
}
