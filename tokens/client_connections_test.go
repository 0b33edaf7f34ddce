package tokens_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// pipes connects an http.Transport to an http.Server in memory, so that both run in a
// synctest bubble. It is the server's net.Listener.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	dials atomic.Int32
}

func (n *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *pipes) Close() error { close(n.done); return nil }

func (n *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (n *pipes) dial() (net.Conn, error) {
	client, httpServer := net.Pipe()
	n.conns <- httpServer
	return client, nil
}

// runConnectionTest serves handler. Each dial calls connect with its number, from one,
// and a good connection. connect returns the result of the dial, or nil and nil for the
// good connection.
func runConnectionTest(t *testing.T, scheme string, handler func(server *cognitotest.Server) http.Handler,

	connect func(dial int, good net.Conn) (net.Conn, error), check func(ct *clientTest, n *pipes)) {
	t.Helper()
	runClientTest(t, func(ct *clientTest) {
		n := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		httpServer := &http.Server{Handler: handler(ct.server)}
		go httpServer.Serve(n)
		dialContext := func(context.Context, string, string) (net.Conn, error) {
			dial := n.dials.Add(1)
			c, err := n.dial()
			if err != nil {
				return nil, err
			}
			if bad, err := connect(int(dial), c); bad != nil || err != nil {
				if err != nil {
					c.Close()
				}
				return bad, err
			}
			return c, nil
		}
		transport := &http.Transport{DialContext: dialContext, DialTLSContext: dialContext, DisableKeepAlives: true}
		userPool := ct.server.UserPool()
		userPool.Endpoint = scheme + "://cognito.example/"
		ct.client = ct.newClient(userPool, &http.Client{Transport: transport})
		check(ct, n)
		httpServer.Close()
	})
}

// TestFailedConnections checks that an attempt is repeated only if it certainly had no
// effect.
func TestFailedConnections(t *testing.T) {
	serve := func(server *cognitotest.Server) http.Handler { return server }
	abort := func(*cognitotest.Server) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	dialError := func(err error) func(int, net.Conn) (net.Conn, error) {
		return func(int, net.Conn) (net.Conn, error) { return nil, err }
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	// A peer's alert is the same error in a handshake and after a request.
	alert := &net.OpError{Op: "remote error", Err: tls.AlertError(80)}
	for _, tt := range []struct {
		name     string
		scheme   string
		handler  func(*cognitotest.Server) http.Handler
		connect  func(int, net.Conn) (net.Conn, error)
		repeated bool
	}{
		{"connection refused", "http", serve, dialError(refused), true},
		{"no such host", "http", serve, dialError(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "cognito.example", IsNotFound: true}}), true},
		{"an unknown certificate", "https", serve, dialError(&tls.CertificateVerificationError{Err: errors.New("unknown authority")}), true},
		{"an alert in the handshake", "https", serve, dialError(alert), true},
		{"no TLS at all", "https", serve, dialError(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), true},
		{"connection reset while it is read", "http", serve, func(_ int, good net.Conn) (net.Conn, error) {
			return &brokenConn{good, &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, nil
		}, false},
		{"an alert after the request", "https", serve, func(_ int, good net.Conn) (net.Conn, error) {
			return &brokenConn{good, alert}, nil
		}, false},
		{"connection closed without an answer", "http", abort, func(int, net.Conn) (net.Conn, error) { return nil, nil }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			attempts := map[bool]int{false: 1, true: 2}[tt.repeated]
			runConnectionTest(t, tt.scheme, tt.handler, tt.connect, func(ct *clientTest, n *pipes) {
				if _, err := ct.refresh(ct.Context()); !errors.Is(err, tokens.ErrUnavailable) {
					ct.Error(err)
				}
				if got := int(n.dials.Load()); got != attempts {
					ct.Errorf("%d connections, want %d", got, attempts)
				}
			})
			once := func(dial int, good net.Conn) (net.Conn, error) {
				if dial > 1 {
					return nil, nil
				}
				return tt.connect(dial, good)
			}
			runConnectionTest(t, tt.scheme, tt.handler, once, func(ct *clientTest, n *pipes) {
				if _, err := ct.refresh(ct.Context()); (err == nil) != tt.repeated {
					ct.Error(err)
				}
				if got := int(n.dials.Load()); got != attempts {
					ct.Errorf("%d connections, want %d", got, attempts)
				}
			})
		})
	}
}

// brokenConn drops what is written to it, and fails to read.
type brokenConn struct {
	net.Conn
	err error
}

func (c *brokenConn) Write(p []byte) (int, error) { return len(p), nil }

func (c *brokenConn) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, c.err
}

// TestHungConnection checks that a dial without an answer, as behind a packet filter,
// costs one attempt: a second one would take as long.
func TestHungConnection(t *testing.T) {
	var dials atomic.Int32
	runClientTest(t, func(ct *clientTest) {
		ct.client = ct.newClient(ct.server.UserPool(), &http.Client{Transport: &http.Transport{
			DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
				dials.Add(1)
				time.Sleep(30 * time.Second) // as a net.Dialer of http.DefaultTransport gives up
				return nil, context.DeadlineExceeded
			},
		}})
		start := time.Now()
		if _, err := ct.refresh(ct.Context()); !errors.Is(err, tokens.ErrUnavailable) || time.Since(start) != 2500*time.Millisecond || dials.Load() != 1 {
			ct.Errorf("%v after %v and %d attempts", err, time.Since(start), dials.Load())
		}
		time.Sleep(30 * time.Second)
	})
}
