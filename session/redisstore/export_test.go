package redisstore

// SetPageSize lowers the page size until the function that it returns is called.
func SetPageSize(n int) (restore func()) {
	old := pageSize
	pageSize = n
	return func() { pageSize = old }
}
