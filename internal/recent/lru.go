package recent

import "container/list"

// LRU remembers at most Max values, without a limit of time. It forgets the least
// recently used one first: Get and Put use a value. Every step takes constant time.
// It needs a lock; the zero LRU with Max set is ready.
type LRU[K comparable, V any] struct {
	Max int

	order list.List // of *lruItem, the most recently used first
	items map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

// Get returns the value that was put under key.
func (l *LRU[K, V]) Get(key K) (value V, ok bool) {
	e, ok := l.items[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).value, true
}

// Put remembers value under key and forgets the key's earlier one.
func (l *LRU[K, V]) Put(key K, value V) {
	if e, ok := l.items[key]; ok {
		e.Value.(*lruItem[K, V]).value = value
		l.order.MoveToFront(e)
		return
	}
	if l.items == nil {
		l.items = make(map[K]*list.Element)
	}
	l.items[key] = l.order.PushFront(&lruItem[K, V]{key, value})
	if l.order.Len() > l.Max {
		oldest := l.order.Remove(l.order.Back()).(*lruItem[K, V])
		delete(l.items, oldest.key)
	}
}

// Len returns how many values are remembered.
func (l *LRU[K, V]) Len() int { return l.order.Len() }
