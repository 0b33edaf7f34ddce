package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/redisstore"
)

// replicaVariable is the environment variable that makes the program one of several
// replicas. It holds the replicaSettings. The program that sets it has the same flags.
const replicaVariable = "CHI_APP_REPLICA"

// replicaSettings are what a replica has in common with the others, and its name.
type replicaSettings struct {
	Name   string
	Redis  string // a URL
	Origin string
	Secret []byte

	// Those of the user pool in the front's process; without -outputs only.
	UserPool       cognito.UserPool
	AWS            awsConfig
	ClientUserPool cognito.UserPool
}

// replicaAddrs are where a replica listens.
type replicaAddrs struct{ Site, Operator string }

// runReplica serves as a replica until stdin ends, which the front's process holds open.
// It prints its replicaAddrs as JSON.
func runReplica(settings string, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	var s replicaSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return fmt.Errorf("%s: %w", replicaVariable, err)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	cfg, err := o.replicaConfig(&s, o.newLogger(stderr).With("replica", s.Name))
	if err != nil {
		return err
	}
	a, err := newApp(cfg)
	if err != nil {
		return err
	}
	var l listeners
	if l.site, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	defer l.close()
	if l.operator, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(replicaAddrs{l.site.Addr().String(), l.operator.Addr().String()}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, stdin)
		stop()
	}()
	return a.serve(ctx, &l, io.Discard)
}

// replicaConfig returns a replica's configuration.
func (o *options) replicaConfig(s *replicaSettings, logger *slog.Logger) (config, error) {
	cfg := config{Origin: s.Origin, Logger: logger, Debug: o.debug, Layout: session.Layout(o.layout), Replica: s.Name}
	if o.outputs != "" {
		if err := cfg.useOutputs(o.outputs, string(s.Secret)); err != nil {
			return config{}, err
		}
	} else {
		cfg.UserPool, cfg.AWS, cfg.Secret, cfg.Demo = s.UserPool, s.AWS, s.Secret, users
	}
	if o.client != "" {
		script, err := clientScript(o.client)
		if err != nil {
			return config{}, err
		}
		cfg.Client = &clientConfig{script, s.ClientUserPool}
	}
	var err error
	cfg.Shared, err = openStore(s.Redis)
	return cfg, err
}

// openStore returns the store that all replicas share.
func openStore(url string) (session.Store, error) {
	//show:store
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.MaxRetries = -1 // package session tries again, where that is useful
	options.DialerRetries = 1
	options.ContextTimeoutEnabled = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redisstore.New(redis.NewClient(options), "chi-app:"), nil
	//end:store
}

// replicaAnswer says which replica has answered a request, and where its refreshed tokens
// came from.
type replicaAnswer struct {
	Replica   string                `json:"replica"`
	Refreshed session.RefreshSource `json:"refreshed"` // empty if nothing was refreshed
}

func (a *app) replicaAnswer(r *http.Request) replicaAnswer {
	answer := replicaAnswer{Replica: a.cfg.Replica}
	for _, refresh := range traceOf(r.Context()).Refreshes {
		answer.Refreshed = refresh.Source
	}
	return answer
}

// replicasPage shows which replica answers, and who has refreshed the tokens.
func (a *app) replicasPage(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	a.render(w, r, http.StatusOK, "replicas", "Replicas", struct {
		replicaAnswer
		Token token
	}{a.replicaAnswer(r), a.describe(s.AccessToken())})
}

// replicaAPI is the API that the page /replicas calls many times at once.
//
//show:replica-api
func (a *app) replicaAPI(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(a.replicaAnswer(r)) // its Refreshed is from the hook
}

//end:replica-api
