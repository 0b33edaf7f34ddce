package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// options are the flags of the command line, and the secret of the environment.
type options struct {
	addr, operator string // host:port; an empty operator listens nowhere
	origin         string
	lifetime       time.Duration
	log            string // "text" or "json"
	debug          bool
	outputs        string // a file; without one, the user pool is in this process
	secret         string
	client         string // a directory
	routes         bool
	layout         string
	replicas       int    // 0 for a single process without a store
	redis          string // a URL, for replicas
}

// parse reads the command line. Its error has a line for each bad value, which names the
// flag and says what to write.
func parse(args []string, stderr io.Writer) (*options, error) {
	o := options{secret: os.Getenv(secretVariable)}
	flags := flag.NewFlagSet("chi-app", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "localhost:8080", "`host:port` to listen on; port 0 takes a free one")
	flags.StringVar(&o.operator, "operator", "localhost:8081", "`host:port` for the operator alone: metrics, readiness, and a switch that makes Cognito fail; empty for none")
	flags.StringVar(&o.origin, "origin", "", "`URL` where browsers find this site (default http://localhost with the port of -addr)")
	flags.DurationVar(&o.lifetime, "lifetime", time.Minute, "lifetime of access and ID tokens; Cognito's default is 1h, and -outputs has its own")
	flags.StringVar(&o.log, "log", "text", "`format` of the log: text or json")
	flags.BoolVar(&o.debug, "debug", false, "say why requests are refused, in the log and in the header Cognitogate-Reason; not for production")
	flags.StringVar(&o.outputs, "outputs", "", "Amplify configuration `file` that names a real user pool to run on; the environment variable "+secretVariable+" holds the key of its cookies")
	flags.StringVar(&o.client, "client", "", "`directory` of the built examples/amplify-client, to serve Amplify in the browser too")
	flags.StringVar(&o.layout, "layout", string(session.LayoutAmplify), "`layout` of the session's cookies: amplify, sealed or handle")
	flags.IntVar(&o.replicas, "replicas", 0, "`number` of processes that serve the site, which share refreshes and sign-outs through Redis")
	flags.StringVar(&o.redis, "redis", "", "`URL` of the Redis for -replicas, such as redis://localhost:6379 (default one in this process)")
	flags.BoolVar(&o.routes, "routes", false, "print who guards which route, and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, errUsage
	}
	var problems []error
	if flags.NArg() > 0 {
		problems = append(problems, fmt.Errorf("%q is not a flag; see -help", flags.Arg(0)))
	}
	if err := errors.Join(append(problems, o.check())...); err != nil {
		return nil, err
	}
	return &o, nil
}

// check returns an error for each bad value, joined.
func (o *options) check() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !isAddress(o.addr) {
		add("-addr %s: want host:port, such as localhost:8080, or :8080 to listen on all addresses of this machine", o.addr)
	}
	switch _, port, _ := net.SplitHostPort(o.operator); {
	case o.operator == "":
	case !isAddress(o.operator):
		add("-operator %s: want host:port, such as localhost:8081, or -operator= for none", o.operator)
	case o.operator == o.addr && port != "0":
		add("-operator %s: -addr listens there already: give it another port, such as localhost:8081", o.operator)
	}
	if o.origin != "" && !isOrigin(o.origin) {
		add("-origin %q: want a URL like https://app.example.com, or http://localhost:8080: in lower case, without a path or the default port", o.origin)
	}
	// Tokens are refreshed five seconds before they expire. With a shorter lifetime
	// every request would refresh them.
	if o.lifetime < 10*time.Second || o.lifetime > 24*time.Hour {
		add("-lifetime %v: want a duration between 10s and 24h", o.lifetime)
	}
	if o.replicas < 0 || o.replicas > maxReplicas {
		add("-replicas %d: want a number up to %d, such as 3", o.replicas, maxReplicas)
	}
	if o.redis != "" {
		if o.replicas == 0 {
			add("-redis is for -replicas: give both, such as -replicas 3")
		}
		if _, err := openStore(o.redis); err != nil {
			// The URL may have a password.
			add("-redis: want a URL such as redis://localhost:6379, or rediss:// for TLS")
		}
	}
	if o.log != "text" && o.log != "json" {
		add("-log %q: want text or json", o.log)
	}
	if layouts := []session.Layout{session.LayoutAmplify, session.LayoutSealed, session.LayoutHandle}; !slices.Contains(layouts, session.Layout(o.layout)) {
		add("-layout %q: want amplify, sealed or handle", o.layout)
	}
	if o.client != "" && o.outputs != "" {
		// The two Auths need an app client each, and a file names only one.
		add("-client is for the user pool in this process, and -outputs for a real one: give one of them")
	} else if o.client != "" {
		if _, err := clientScript(o.client); err != nil {
			problems = append(problems, err)
		}
	}
	if o.outputs != "" {
		if _, err := os.Stat(o.outputs); err != nil {
			add("-outputs %s: want the path of a file such as amplify_outputs.json: %w", o.outputs, errors.Unwrap(err))
		}
		// Never show what it is: a wrong secret may be the right one of something else.
		if s := o.secret; s != "" && (len(s) < minSecret || strings.Trim(s, s[:1]) == "") {
			add("%s: want %d random characters or more, and the same for all replicas: %s", secretVariable, minSecret, secretRemedy)
		}
	}
	return errors.Join(problems...)
}

// maxReplicas is how many letters name replicas.
const maxReplicas = 26

// isAddress reports whether addr is a host, which may be empty, and the number of a port.
func isAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isOrigin reports whether text is an origin as browsers write it (RFC 6454 §6.2), and one
// that Cognito lets users come back to.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme+"://"+u.Host != text || u.Hostname() == "" || strings.ToLower(text) != text {
		return false
	}
	defaultPort := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	if u.Port() == defaultPort || u.Port() != "" && !isAddress(u.Host) {
		return false
	}
	return u.Scheme == "https" || isLocal(u)
}

// isLocal reports whether Cognito lets this URL be http.
func isLocal(u *url.URL) bool {
	return u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
}

// newLogger writes a structured log: a line of key=value for people, or JSON for programs.
func (o *options) newLogger(w io.Writer) *slog.Logger {
	//show:logger
	level := new(slog.HandlerOptions)
	if o.debug {
		level.Level = slog.LevelDebug
	}
	if o.log == "json" {
		return slog.New(slog.NewJSONHandler(w, level))
	}
	return slog.New(slog.NewTextHandler(w, level))
	//end:logger
}
