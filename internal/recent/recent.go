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
	start      time.Time // of the times in entries
}

type entry[V any] struct {
	value V
	putAt time.Duration // after the Map's start: a time.Time takes three times as much memory
}

// Get returns the value that was put under key less than Keep ago.
func (m *Map[K, V]) Get(key K, now time.Time) (value V, ok bool) {
	e, ok := m.young[key]
	if !ok {
		e, ok = m.old[key]
	}
	if !ok || m.expired(now.Sub(m.start)-e.putAt) {
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
func (m *Map[K, V]) Put(key K, value V, now time.Time) { m.put(key, value, now, now) }

// PutAt is Put for a value that was put elsewhere at an earlier time. Keep begins then, or
// when the key's earlier value was put, if that was later.
func (m *Map[K, V]) PutAt(key K, value V, putAt, now time.Time) {
	known, ok := m.young[key]
	if !ok {
		known, ok = m.old[key]
	}
	if known := m.start.Add(known.putAt); ok && known.After(putAt) && !known.After(now) {
		putAt = known
	}
	m.put(key, value, putAt, now)
}

func (m *Map[K, V]) put(key K, value V, putAt, now time.Time) {
	if m.start.IsZero() {
		m.start = now
	}
	if m.young == nil || len(m.young) >= m.Max || m.expired(now.Sub(m.youngSince)) {
		m.old, m.young, m.youngSince = m.young, make(map[K]entry[V]), now
	}
	m.young[key] = entry[V]{value, putAt.Sub(m.start)}
}

// Delete forgets the value that was put under key.
func (m *Map[K, V]) Delete(key K) {
	delete(m.young, key)
	delete(m.old, key)
}

// Len returns how many values are remembered, with those that have become too old and
// are not forgotten yet.
func (m *Map[K, V]) Len() int { return len(m.young) + len(m.old) }

// expired reports whether a value of that age is too old. A time far in the
// future is too old as well: a clock that was set back must not keep a value for
// ever.
func (m *Map[K, V]) expired(age time.Duration) bool {
	return age >= m.Keep || age <= -m.Keep
}
