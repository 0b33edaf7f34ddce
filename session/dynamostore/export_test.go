package dynamostore

import "time"

// SetPageSize lowers the page size until the function that it returns is called.
func SetPageSize(n int32) (restore func()) {
	old := pageSize
	pageSize = n
	return func() { pageSize = old }
}

// SetNow replaces the clock.
func (s *Store) SetNow(now func() time.Time) { s.now = now }
