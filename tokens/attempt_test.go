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

// network connects a real http.Transport to a real http.Server without a network,
// at the time of a synctest bubble.
type network struct {
	conns chan net.Conn
	done  chan struct{}
	dials atomic.Int32
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { close(n.done); return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

func (n *network) dial() (net.Conn, error) {
	client, server := net.Pipe()
	n.conns <- server
	return client, nil
}

// runNetworkDrill serves handler, and has fail break the connections as they are
// made: it gets their number, from one, and returns what dialling returns, or
// nothing for a good one.
func runNetworkDrill(t *testing.T, scheme string, handler func(srv *cognitotest.Server) http.Handler,
	fail func(dial int, good net.Conn) (net.Conn, error), check func(d *refreshDrill, n *network)) {
	t.Helper()
	runRefreshDrill(t, func(d *refreshDrill) {
		n := &network{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: handler(d.srv)}
		go server.Serve(n)
		connect := func(context.Context, string, string) (net.Conn, error) {
			dial := n.dials.Add(1)
			c, err := n.dial()
			if err != nil {
				return nil, err
			}
			if bad, err := fail(int(dial), c); bad != nil || err != nil {
				if err != nil {
					c.Close()
				}
				return bad, err
			}
			return c, nil
		}
		transport := &http.Transport{DialContext: connect, DialTLSContext: connect, DisableKeepAlives: true}
		pool := d.srv.UserPool()
		pool.Endpoint = scheme + "://cognito.example/"
		d.client = d.newClient(pool, &http.Client{Transport: transport})
		check(d, n)
		server.Close()
	})
}

// TestConnectionsThatFail tells what certainly had no effect, and is tried again,
// from what may have had one, and is not.
func TestConnectionsThatFail(t *testing.T) {
	serve := func(srv *cognitotest.Server) http.Handler { return srv }
	abort := func(*cognitotest.Server) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	dialError := func(err error) func(int, net.Conn) (net.Conn, error) {
		return func(int, net.Conn) (net.Conn, error) { return nil, err }
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	// What a peer's alert looks like, in a handshake and after a request.
	alert := &net.OpError{Op: "remote error", Err: tls.AlertError(80)}
	for _, tt := range []struct {
		name    string
		scheme  string
		handler func(*cognitotest.Server) http.Handler
		fail    func(int, net.Conn) (net.Conn, error)
		again   bool
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
			attempts := map[bool]int{false: 1, true: 2}[tt.again]
			runNetworkDrill(t, tt.scheme, tt.handler, tt.fail, func(d *refreshDrill, n *network) {
				if _, err := d.refresh(d.Context()); !errors.Is(err, tokens.ErrUnavailable) {
					d.Error(err)
				}
				if got := int(n.dials.Load()); got != attempts {
					d.Errorf("%d connections, want %d", got, attempts)
				}
			})
			once := func(dial int, good net.Conn) (net.Conn, error) {
				if dial > 1 {
					return nil, nil
				}
				return tt.fail(dial, good)
			}
			runNetworkDrill(t, tt.scheme, tt.handler, once, func(d *refreshDrill, n *network) {
				if _, err := d.refresh(d.Context()); (err == nil) != tt.again {
					d.Error(err)
				}
				if got := int(n.dials.Load()); got != attempts {
					d.Errorf("%d connections, want %d", got, attempts)
				}
			})
		})
	}
}

// brokenConn loses what it is sent, and then fails to read an answer.
type brokenConn struct {
	net.Conn
	err error
}

func (c *brokenConn) Write(p []byte) (int, error) { return len(p), nil }

func (c *brokenConn) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, c.err
}

// TestConnectionThatIsNeverMade checks that a packet filter which drops what it
// gets costs one attempt: what was slow once is not worth as long again.
func TestConnectionThatIsNeverMade(t *testing.T) {
	var dials atomic.Int32
	runRefreshDrill(t, func(d *refreshDrill) {
		d.client = d.newClient(d.srv.UserPool(), &http.Client{Transport: &http.Transport{
			DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
				dials.Add(1)
				time.Sleep(30 * time.Second) // as a net.Dialer of http.DefaultTransport gives up
				return nil, context.DeadlineExceeded
			},
		}})
		start := time.Now()
		if _, err := d.refresh(d.Context()); !errors.Is(err, tokens.ErrUnavailable) || time.Since(start) != 2500*time.Millisecond || dials.Load() != 1 {
			d.Errorf("%v after %v and %d attempts", err, time.Since(start), dials.Load())
		}
		time.Sleep(30 * time.Second)
	})
}
