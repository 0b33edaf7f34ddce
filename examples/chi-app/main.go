// Command chi-app is an example application. Its chi router is guarded by
// cognitogate, and an Amazon Cognito for tests runs in the same process. It needs
// no AWS account and no network.
//
//	go run ./examples/chi-app
//
// Open http://localhost:8080 and sign in as ada or grace. Every page shows the
// lines of this program that made it. Read app.go first, then userpool.go.
//
// With -outputs it runs on the real user pool of an Amplify configuration file:
//
//	go run ./examples/chi-app -outputs amplify_outputs.json
//
// Users then sign in through that user pool's managed login. With -routes it prints
// how each route is guarded.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // package flag has printed the mistake
	case err != nil:
		fmt.Fprintln(os.Stderr, "chi-app:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

// options are the flags of the command line.
type options struct {
	addr, origin string
	lifetime     time.Duration
	outputs      string // a file; without one, the user pool is in this process
	client       string // a directory
	routes       bool
}

func parse(args []string, stderr io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("chi-app", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "localhost:8080", "`host:port` to listen on; port 0 takes a free one")
	flags.StringVar(&o.origin, "origin", "", "`URL` where browsers find this site (default http://localhost with the port of -addr)")
	flags.DurationVar(&o.lifetime, "lifetime", time.Minute, "lifetime of access and ID tokens; Cognito's default is 1h, and -outputs has its own")
	flags.StringVar(&o.outputs, "outputs", "", "Amplify configuration `file` that names a real user pool to run on; the environment variable "+secretVariable+" holds the key of its cookies")
	flags.StringVar(&o.client, "client", "", "`directory` of the built examples/amplify-client, to serve Amplify in the browser too")
	flags.BoolVar(&o.routes, "routes", false, "print who guards which route, and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, errUsage
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is not a flag; see -help", flags.Arg(0))
	}
	if o.client != "" && o.outputs != "" {
		// The two Auths need an app client each, and a file names only one.
		return nil, errors.New("-client is for the user pool in this process, and -outputs for a real one: give one of them")
	}
	if u, err := url.Parse(o.origin); o.origin != "" && (err != nil || u.Hostname() == "" || u.Scheme+"://"+u.Host != o.origin || u.Scheme != "https" && !isLocal(u)) {
		return nil, fmt.Errorf("-origin %q: want a URL like https://app.example.com, or http://localhost:8080", o.origin)
	}
	// Tokens are refreshed five seconds before they expire. With a shorter lifetime
	// every request would refresh them.
	if o.lifetime < 10*time.Second || o.lifetime > 24*time.Hour {
		return nil, fmt.Errorf("-lifetime %v: between 10s and 24h, please", o.lifetime)
	}
	return &o, nil
}

// isLocal reports whether Cognito lets this URL be http.
func isLocal(u *url.URL) bool {
	return u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	if o.routes {
		a, _, err := o.setUp(o.addr, "http://localhost", logger)
		if err != nil {
			return err
		}
		return a.printRoutes(stdout)
	}
	listener, err := listen(o.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	login, err := listen("localhost:0")
	if err != nil {
		return err
	}
	defer login.Close()
	a, emulator, err := o.setUp(listener.Addr().String(), localhost(login.Addr().String()), logger)
	if err != nil {
		return err
	}
	if emulator != nil {
		// It ends with the process, without a shutdown.
		go newServer(emulator, logger).Serve(login)
	}
	a.cfg.greet(stdout, listener.Addr().(*net.TCPAddr), o.lifetime)

	server := newServer(a, logger)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// Running requests may finish: one of them may be writing new cookies.
	fmt.Fprintln(stdout, "Shutting down.")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// setUp makes the application. Without -outputs it also makes the user pool, which
// emulator serves.
func (o *options) setUp(addr, login string, logger *slog.Logger) (a *app, emulator http.Handler, err error) {
	cfg := config{Origin: cmp.Or(o.origin, localhost(addr)), Logger: logger}
	if o.outputs != "" {
		err = cfg.useOutputs(o.outputs, os.Getenv(secretVariable))
	} else {
		emulator, err = cfg.useEmulator(login, o)
	}
	if err != nil {
		return nil, nil, err
	}
	a, err = newApp(cfg)
	return a, emulator, err
}

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10, // a session's cookies are a few KiB
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// listen listens on addr. Its error says what to do when the port is taken.
func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop that one, or take a free port with -addr localhost:0", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("-addr %s: %w", addr, err)
	}
	return listener, nil
}

// localhost is the URL of an address on this machine. The host must be "localhost":
// the user pool has registered that name, and browsers treat plain HTTP as secure
// only there.
func localhost(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return "http://" + net.JoinHostPort("localhost", port)
}

// greet prints the URL to open, and the users who can sign in.
func (c config) greet(w io.Writer, addr *net.TCPAddr, lifetime time.Duration) {
	if c.Demo == nil {
		fmt.Fprintf(w, "Open %s and sign in as a user of %s.\n", c.Origin, c.UserPool.ID)
	} else {
		fmt.Fprintf(w, "Open %s and sign in as\n\n", c.Origin)
		for _, u := range c.Demo {
			fmt.Fprintf(w, "    %-7s with the password  %-15s %s\n", u.Username, u.Password, membership(u.Groups))
		}
		fmt.Fprintf(w, "\nTokens live for %v: wait that long, go on, and see them refreshed.\n", lifetime)
	}
	if c.Client != nil {
		fmt.Fprintf(w, "AWS Amplify in the browser is at %s/amplify/\n", c.Origin)
	}
	if !addr.IP.IsLoopback() && strings.HasPrefix(c.Origin, "http://localhost") {
		fmt.Fprintln(w, "Other machines reach this server too, but nobody can sign in from there: that needs TLS and -origin.")
	}
	fmt.Fprintln(w, "Stop with Ctrl-C.")
}

func membership(groups []string) string {
	if len(groups) == 0 {
		return "in no group"
	}
	return "in the group " + strings.Join(groups, ", ")
}
