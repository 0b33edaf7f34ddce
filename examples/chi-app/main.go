// Command chi-app is an example application. Its chi router is guarded by
// cognitogate, and an Amazon Cognito for tests runs in the same process. It needs
// no AWS account and no network.
//
//	go run ./examples/chi-app
//
// Open http://localhost:8080 and sign in as ada or grace. Every page shows the
// lines of this program that made it. Read app.go first, then userpool.go and operator.go.
//
// With -outputs it runs on the real user pool of an Amplify configuration file:
//
//	go run ./examples/chi-app -outputs amplify_outputs.json
//
// Users then sign in through that user pool's managed login. With -routes it prints
// how each route is guarded.
//
// With -replicas 3, three processes serve the site behind one address. They share
// refreshes and sign-outs through a Redis, which is in this process without -redis:
//
//	go run ./examples/chi-app -replicas 3
//
// A second port, http://localhost:8081, is the operator's: it has the metrics for
// Prometheus, the readiness probe, and a switch that makes Cognito fail.
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
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

func main() {
	var err error
	if settings := os.Getenv(replicaVariable); settings != "" {
		// Ctrl-C and a service manager reach the front too, which ends its replicas after
		// their last requests.
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		err = runReplica(settings, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	} else {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop) // a second signal ends the program at once
		err = run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // package flag has printed the mistake
	case err != nil:
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, "chi-app:", strings.TrimSuffix(line, "\n"))
		}
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	logger := o.newLogger(stderr)
	if o.routes {
		a, _, err := o.setUp(o.addr, "http://localhost", logger)
		if err != nil {
			return err
		}
		return a.printRoutes(stdout)
	}
	listeners, err := o.listen()
	if err != nil {
		return err
	}
	defer listeners.close()
	if o.replicas > 0 {
		return o.runFront(ctx, args, listeners, stdout, stderr)
	}
	a, emulator, err := o.setUp(listeners.site.Addr().String(), localhost(listeners.login.Addr().String()), logger)
	if err != nil {
		return err
	}
	if emulator != nil {
		// It ends with the process, without a shutdown.
		go newServer(emulator, logger).Serve(listeners.login)
	}
	if listeners.operator != nil {
		a.cfg.Operator = localhost(listeners.operator.Addr().String())
	}
	a.cfg.greet(stdout, listeners.site.Addr().(*net.TCPAddr), o.lifetime)
	return a.serve(ctx, listeners, stdout)
}

// serve serves the site and the operator until ctx is done, and then until no request runs.
func (a *app) serve(ctx context.Context, l *listeners, stdout io.Writer) error {
	return serve(ctx, l, a, a.operator, a.cfg.Logger, stdout)
}

func serve(ctx context.Context, l *listeners, forSite, forOperator http.Handler, logger *slog.Logger, stdout io.Writer) error {
	site, operator := newServer(forSite, logger), newServer(forOperator, logger)
	defer site.Close()
	defer operator.Close()
	failed := make(chan error, 2)
	go func() { failed <- site.Serve(l.site) }()
	if l.operator != nil {
		go func() { failed <- operator.Serve(l.operator) }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "Shutting down.")
	//show:shutdown
	// Running requests may finish: one of them may be writing new cookies. The operator's
	// port closes last, so that the last metrics can be fetched.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(site.Shutdown(ctx), operator.Shutdown(ctx))
	//end:shutdown
}

// setUp makes the application. Without -outputs it also makes the user pool, which
// emulator serves.
func (o *options) setUp(addr, login string, logger *slog.Logger) (a *app, emulator http.Handler, err error) {
	cfg, emulator, err := o.config(addr, login, logger)
	if err != nil {
		return nil, nil, err
	}
	a, err = newApp(cfg)
	return a, emulator, err
}

// config makes the application's configuration, and the user pool.
func (o *options) config(addr, login string, logger *slog.Logger) (cfg config, emulator http.Handler, err error) {
	cfg = config{Origin: cmp.Or(o.origin, localhost(addr)), Logger: logger, Debug: o.debug, Layout: session.Layout(o.layout)}
	if cfg.Layout == session.LayoutHandle {
		cfg.Shared = storetest.NewMemory() // on a real site: session/redisstore or session/dynamostore
	}
	if o.outputs != "" {
		err = cfg.useOutputs(o.outputs, o.secret)
	} else {
		emulator, err = cfg.useEmulator(login, o)
	}
	return cfg, emulator, err
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
	if c.Operator != "" {
		fmt.Fprintf(w, "The operator's page is at %s/\n", c.Operator)
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
