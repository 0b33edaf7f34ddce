// Command chi-app is the application a newcomer runs: a chi router whose pages
// are guarded by cognitogate, on an Amazon Cognito that lives in the same
// process. It needs no AWS account and no network.
//
//	go run ./examples/chi-app
//
// then open http://localhost:8080 and sign in as ada or grace. Every page shows
// the lines of this program that made it. Read this file first, then app.go.
package main

import (
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// users are the people of the demonstration. In a real pool nobody but Cognito
// knows their passwords.
var users = []cognitotest.User{
	{
		Username: "ada", Password: "engine-1843", Groups: []string{"admins"},
		Attributes: map[string]string{"name": "Ada Lovelace", "email": "ada@example.com"},
	},
	{
		Username: "grace", Password: "compiler-1952",
		Attributes: map[string]string{"name": "Grace Hopper", "email": "grace@example.com"},
	},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // the flag package has said what is wrong
	case err != nil:
		fmt.Fprintln(os.Stderr, "chi-app:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("chi-app", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "localhost:8080", "`host:port` to listen on; port 0 takes a free one")
	lifetime := flags.Duration("lifetime", time.Minute, "lifetime of access and ID tokens; Cognito's default is 1h")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return errUsage
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag; see -help", flags.Arg(0))
	}
	// Tokens are refreshed five seconds before they expire, so shorter ones would
	// be refreshed by every request.
	if *lifetime < 10*time.Second || *lifetime > 24*time.Hour {
		return fmt.Errorf("-lifetime %v: between 10s and 24h, please", *lifetime)
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))

	//show:wiring
	pool := cognitotest.New(users...)
	pool.SetLifetime(*lifetime)
	handler, err := newApp(config{
		UserPool:   pool.UserPool(), // on AWS: its ID and ClientID
		HTTPClient: pool.Client(),   // on AWS: leave this out
		Now:        pool.Now,        // on AWS: and this
		Logger:     logger,
		Demo:       users,
	})
	if err != nil {
		return err
	}
	//end:wiring

	listener, err := listen(*addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10, // a session's cookies are a few KiB
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	greet(stdout, listener.Addr().(*net.TCPAddr), *lifetime)

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// Requests under way may finish: one of them may be writing new cookies.
	fmt.Fprintln(stdout, "Shutting down.")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// listen says what to do when the port is taken.
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

// greet says where to go. The name localhost matters: the session's cookies are
// Secure, and on plain HTTP browsers keep such cookies only there.
func greet(w io.Writer, addr *net.TCPAddr, lifetime time.Duration) {
	host := addr.IP.String()
	if addr.IP.IsLoopback() || addr.IP.IsUnspecified() {
		host = "localhost"
	}
	fmt.Fprintf(w, "Open http://%s and sign in as\n\n", net.JoinHostPort(host, strconv.Itoa(addr.Port)))
	for _, u := range users {
		fmt.Fprintf(w, "    %-7s with the password  %-15s %s\n", u.Username, u.Password, membership(u.Groups))
	}
	fmt.Fprintf(w, "\nTokens live for %v: wait that long, go on, and see them refreshed.\n", lifetime)
	if !addr.IP.IsLoopback() {
		fmt.Fprintln(w, "Other machines reach this server too, but without TLS their browsers drop its cookies.")
	}
	fmt.Fprintln(w, "Stop with Ctrl-C.")
}

func membership(groups []string) string {
	if len(groups) == 0 {
		return "in no group"
	}
	return "in the group " + strings.Join(groups, ", ")
}
