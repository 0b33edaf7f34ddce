package session

import "runtime"

// Cached is how many sessions are cached, and the bytes that are counted for them.
func (m *Manager) Cached() (sessions, bytes int) { return m.cache.Size() }

// HeapInUse is what is left on the heap after a collection.
func HeapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
