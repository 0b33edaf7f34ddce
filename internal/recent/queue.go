package recent

import (
	"container/list"
	"iter"
)

// Queue holds values in the order in which they were added: at most Max, and at most
// Share of one owner. An owner with too many values loses its own oldest one. When the
// Queue is full, an owner with values loses its own oldest one too. Only an owner
// without values displaces the oldest value of all. Every step takes constant time. A
// Queue needs a lock; the zero Queue with Max and Share set is ready.
type Queue[O comparable, V any] struct {
	Max, Share int

	all    list.List // of *Item, oldest first
	owners map[O]*list.List
}

// Item is a value in a Queue.
type Item[O comparable, V any] struct {
	Value V

	owner          O
	inAll, inOwner *list.Element
}

// Add adds an owner's value. displaced is the item that was removed for it, or nil.
func (q *Queue[O, V]) Add(owner O, value V) (added, displaced *Item[O, V]) {
	own := q.owners[owner]
	switch {
	case own != nil && (own.Len() >= q.Share || q.all.Len() >= q.Max):
		displaced = own.Front().Value.(*Item[O, V])
	case q.all.Len() >= q.Max:
		displaced = q.all.Front().Value.(*Item[O, V])
	}
	if displaced != nil {
		q.Remove(displaced)
	}
	if q.owners == nil {
		q.owners = make(map[O]*list.List)
	}
	if own = q.owners[owner]; own == nil { // also if its only value was displaced
		own = new(list.List)
		q.owners[owner] = own
	}
	added = &Item[O, V]{Value: value, owner: owner}
	added.inAll, added.inOwner = q.all.PushBack(added), own.PushBack(added)
	return added, displaced
}

// Remove removes an item of this Queue. Nothing happens if it is removed already.
func (q *Queue[O, V]) Remove(item *Item[O, V]) {
	if item.inAll == nil {
		return
	}
	q.all.Remove(item.inAll)
	own := q.owners[item.owner]
	own.Remove(item.inOwner)
	if own.Len() == 0 {
		delete(q.owners, item.owner)
	}
	item.inAll, item.inOwner = nil, nil
}

// All yields the items, oldest first. The loop may remove the item that it has got.
func (q *Queue[O, V]) All() iter.Seq[*Item[O, V]] {
	return func(yield func(*Item[O, V]) bool) {
		for element := q.all.Front(); element != nil; {
			item := element.Value.(*Item[O, V])
			element = element.Next()
			if !yield(item) {
				return
			}
		}
	}
}

// Len returns how many values the Queue holds.
func (q *Queue[O, V]) Len() int { return q.all.Len() }
