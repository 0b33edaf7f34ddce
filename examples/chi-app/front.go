package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// front starts replicas and hands the site's requests to them in turn.
type front struct {
	emulator http.Handler // nil with -outputs
	redis    string       // a URL
	embedded *miniredis.Miniredis
	replicas []*replicaProcess
	next     atomic.Uint32
	operator http.Handler
	proxy    *httputil.ReverseProxy
}

// replicaProcess is a replica that the front has started.
type replicaProcess struct {
	Name  string
	addrs replicaAddrs
	cmd   *exec.Cmd
	stdin io.Closer     // the replica ends when it is closed
	ended chan struct{} // closed when the process has ended
}

// runFront starts the replicas and serves the site.
func (o *options) runFront(ctx context.Context, args []string, l *listeners, stdout, stderr io.Writer) error {
	logger := o.newLogger(stderr)
	f, cfg, err := o.newFront(args, l, logger, stderr)
	if err != nil {
		return err
	}
	defer f.close()
	if f.emulator != nil {
		go newServer(f.emulator, logger).Serve(l.login)
	}
	cfg.greet(stdout, l.site.Addr().(*net.TCPAddr), o.lifetime)
	return o.serveFront(ctx, f, l, logger, stdout)
}

// serveFront serves until ctx is done, or until a replica ends.
func (o *options) serveFront(ctx context.Context, f *front, l *listeners, logger *slog.Logger, stdout io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for _, p := range f.replicas {
		go func() {
			<-p.ended
			stop(fmt.Errorf("replica %s has ended, so the others end too", p.Name))
		}()
	}
	go f.keepTime(ctx)
	err := serve(ctx, l, f, f.operator, logger, stdout)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// newFront starts the replicas, and what they share. It also returns the configuration of
// the operator's page.
func (o *options) newFront(args []string, l *listeners, logger *slog.Logger, stderr io.Writer) (f *front, cfg config, err error) {
	f = &front{redis: o.redis}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	cfg, f.emulator, err = o.config(l.site.Addr().String(), localhost(l.login.Addr().String()), logger)
	if err != nil {
		return f, cfg, err
	}
	if f.redis == "" {
		f.embedded = miniredis.NewMiniRedis()
		if err := f.embedded.StartAddr("127.0.0.1:0"); err != nil {
			return f, cfg, err
		}
		f.redis = "redis://" + f.embedded.Addr()
	}
	settings := replicaSettings{Redis: f.redis, Origin: cfg.Origin, Secret: cfg.Secret, UserPool: cfg.UserPool, AWS: cfg.AWS}
	if cfg.Client != nil {
		settings.ClientUserPool = cfg.Client.UserPool
	}
	for i := range o.replicas {
		settings.Name = string(rune('A' + i))
		p, err := startReplica(settings, args, stderr)
		if err != nil {
			return f, cfg, err
		}
		f.replicas = append(f.replicas, p)
	}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(f.nextURL())
			r.Out.Host = r.In.Host // the site's, which the guards compare with Origin
			r.SetXForwarded()
		},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	if l.operator != nil {
		cfg.Operator = localhost(l.operator.Addr().String())
	}
	cfg.Replicas = f.replicas
	a, err := newApp(cfg)
	if err != nil {
		return f, cfg, err
	}
	f.operator = a.operator
	return f, cfg, nil
}

// startReplica starts this program as a replica.
func startReplica(settings replicaSettings, args []string, stderr io.Writer) (*replicaProcess, error) {
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &replicaProcess{Name: settings.Name, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), replicaVariable+"="+string(text))
	p.cmd.Stderr = stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("replica %s: %w", p.Name, err)
	}
	line, readErr := bufio.NewReader(stdout).ReadBytes('\n')
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	if readErr == nil {
		readErr = json.Unmarshal(line, &p.addrs)
	}
	if readErr != nil {
		p.close()
		return nil, fmt.Errorf("replica %s does not start: %w", p.Name, readErr)
	}
	return p, nil
}

// close lets the replica finish its requests, but not for ever.
func (p *replicaProcess) close() {
	p.stdin.Close()
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	select {
	case <-p.ended:
	case <-timeout.C:
		p.cmd.Process.Kill()
		<-p.ended
	}
}

func (f *front) close() {
	for _, p := range f.replicas {
		p.stdin.Close() // all at once
	}
	for _, p := range f.replicas {
		p.close()
	}
	if f.embedded != nil {
		f.embedded.Close()
	}
}

// keepTime moves the clock of the embedded Redis, which does not move by itself.
func (f *front) keepTime(ctx context.Context) {
	if f.embedded == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.embedded.FastForward(time.Second)
		case <-ctx.Done():
			return
		}
	}
}

// nextURL returns the next replica's. Requests of one browser reach all replicas.
func (f *front) nextURL() *url.URL {
	p := f.replicas[int(f.next.Add(1)-1)%len(f.replicas)]
	return &url.URL{Scheme: "http", Host: p.addrs.Site}
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.proxy.ServeHTTP(w, r) }

// serveMetrics hands on the metrics of one replica. Each counts its own requests.
func (a *app) serveMetrics(w http.ResponseWriter, r *http.Request) {
	for _, p := range a.cfg.Replicas {
		if p.Name == r.PathValue("replica") {
			proxy := httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL = &url.URL{Scheme: "http", Host: p.addrs.Operator, Path: "/metrics"}
			}}
			proxy.ServeHTTP(w, r)
			return
		}
	}
	http.NotFound(w, r)
}
