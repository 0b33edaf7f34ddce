// Package redistest runs a redis-server for tests. The server listens on a Unix socket
// in a directory of its own, and writes nothing to the disk.
package redistest

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// Server is a redis-server.
type Server struct {
	t       testing.TB
	program string
	args    []string
	socket  string
	cmd     *exec.Cmd     // nil while no server runs
	output  *output       // of the running server
	admin   *redis.Client // for Do
}

// output keeps what the server prints.
type output struct {
	text strings.Builder
	done chan struct{} // closed when text is complete
}

// Start starts a redis-server, or a valkey-server where only that is installed. It skips
// the test where neither is. args are further arguments, as "--maxmemory", "3mb". The
// server ends with the test.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, program: findProgram(t), args: args}
	// A socket's path has at most some 100 bytes. Those of t.TempDir can be longer.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.socket = filepath.Join(dir, "redis.sock")
	t.Cleanup(func() {
		if s.cmd != nil {
			s.Kill()
		}
	})
	s.Restart()
	s.admin = s.Client()
	return s
}

// findProgram returns the path of a server.
func findProgram(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	longtest.CannotRun(t, "no redis-server is installed, so nothing is tested on a real Redis")
	return ""
}

// Restart starts the server again, empty and at the same address. It returns when the
// server accepts connections.
func (s *Server) Restart() {
	s.t.Helper()
	if s.cmd != nil {
		s.Kill()
	}
	dir := filepath.Dir(s.socket)
	args := []string{"--port", "0", "--unixsocket", s.socket, "--dir", dir, "--save", "", "--appendonly", "no"}
	s.cmd = exec.Command(s.program, append(args, s.args...)...)
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.t.Fatal("starting the redis-server: ", err)
	}
	s.output = &output{done: make(chan struct{})}
	if !s.output.readUntil(stdout, "ready to accept connections") { // in all versions
		<-s.output.done
		s.t.Fatalf("the redis-server does not start:\n%s", s.output.text.String())
	}
}

// readUntil reads lines up to one with a phrase, and goes on reading in the background.
// It returns false if the output ends before.
func (o *output) readUntil(r io.Reader, phrase string) bool {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		o.text.WriteString(lines.Text() + "\n")
		if strings.Contains(strings.ToLower(lines.Text()), phrase) {
			go func() {
				defer close(o.done)
				io.Copy(&o.text, r)
			}()
			return true
		}
	}
	close(o.done)
	return false
}

// Kill ends the server with SIGKILL, and all that it knows.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Error("killing the redis-server: ", err)
	}
	<-s.output.done
	s.cmd.Wait()
	s.cmd = nil
	if s.t.Failed() {
		s.t.Logf("redis-server:\n%s", s.output.text.String())
	}
	os.Remove(s.socket)
}

// URL returns the server's address, as redis.ParseURL reads it.
func (s *Server) URL() string { return "unix://" + s.socket }

// Options returns the options of a client as docs recommend them: package session does
// the retries, and deadlines of calls hold.
func (s *Server) Options() *redis.Options {
	return &redis.Options{
		Network:                  "unix",
		Addr:                     s.socket,
		MaxRetries:               -1,
		DialerRetries:            1,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Client returns a client with Options, which is closed with the test.
func (s *Server) Client() *redis.Client {
	client := redis.NewClient(s.Options())
	s.t.Cleanup(func() { client.Close() })
	return client
}

// Do sends a command, as "CLIENT", "PAUSE", 1000, and returns its reply.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	reply, err := s.admin.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return reply
}
