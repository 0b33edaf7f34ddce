//go:build !unix

package redistest

// Stop skips the test: only Unix stops a process.
func (s *Server) Stop() { s.t.Skip("a process cannot be stopped here") }

// Continue undoes Stop.
func (s *Server) Continue() {}
