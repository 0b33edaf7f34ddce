package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listeners are the ports that the program listens on.
type listeners struct {
	site, login net.Listener
	operator    net.Listener // or nil
}

// listen opens all ports. Its error has a line for each that it cannot open.
func (o *options) listen() (*listeners, error) {
	var l listeners
	var problems []error
	open := func(flag, addr string) net.Listener {
		listener, err := listen(flag, addr)
		if err != nil {
			problems = append(problems, err)
			return nil
		}
		return listener
	}
	l.site = open("-addr", o.addr)
	if o.operator != "" {
		l.operator = open("-operator", o.operator)
	}
	l.login = open("the managed login", "localhost:0")
	if err := errors.Join(problems...); err != nil {
		l.close()
		return nil, err
	}
	return &l, nil
}

func (l *listeners) close() {
	for _, listener := range []net.Listener{l.site, l.operator, l.login} {
		if listener != nil {
			listener.Close()
		}
	}
}

// listen listens on the address that a flag has. Its error says what to write.
func listen(flag, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s %s: is in use by another program: stop that one, or take a free port with %[1]s localhost:0", flag, addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s %s: this user may not listen there: take a port from 1024 on, such as %[1]s localhost:8080", flag, addr)
	}
	return nil, fmt.Errorf("%s %s: want an address of this machine, such as localhost:8080, or :8080 for all of them: %w", flag, addr, err)
}

// localhost is the URL of an address on this machine. The host must be "localhost":
// the user pool has registered that name, and browsers treat plain HTTP as secure
// only there.
func localhost(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	if port == "80" { // which browsers leave out
		return "http://localhost"
	}
	return "http://" + net.JoinHostPort("localhost", port)
}
