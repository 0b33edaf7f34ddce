package replicatest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/redisstore"
	"github.com/cognitogate/cognitogate/tokens"
)

// replicaVariable is the environment variable that makes the test binary a replica. It
// has the replicaConfig.
const replicaVariable = "COGNITOGATE_REPLICA"

// burnerVariable makes the test binary a process that computes without end.
const burnerVariable = "COGNITOGATE_BURNER"

func TestMain(m *testing.M) {
	switch config := os.Getenv(replicaVariable); {
	case config != "":
		if err := runReplica(config); err != nil {
			fmt.Fprintln(os.Stderr, "replica:", err)
			os.Exit(1)
		}
		os.Exit(0)
	case os.Getenv(burnerVariable) != "":
		go func() {
			for n := 0; ; n++ {
			}
		}()
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// replicaConfig is what a replica needs to know.
type replicaConfig struct {
	Name      string
	UserPools []tokens.UserPool
	Redis     string // the path of its socket
	Secrets
}

// Secrets are those of session.Config.
type Secrets struct {
	Secret     []byte
	OldSecrets [][]byte
}

// nameHeader has a replica's name in its calls to Cognito.
const nameHeader = "Replica-Name"

// named adds nameHeader to calls.
type named string

func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(nameHeader, string(n))
	return http.DefaultTransport.RoundTrip(r)
}

// replica serves one site for each user pool, below /0/, /1/ and so on.
type replica struct {
	cfg    replicaConfig
	client *redis.Client
	auths  atomic.Pointer[[]*middleware.Auth]
}

// runReplica serves on a free port, whose address it prints. It ends when its standard
// input does: no replica outlives the test.
func runReplica(config string) error {
	var rep replica
	if err := json.Unmarshal([]byte(config), &rep.cfg); err != nil {
		return err
	}
	rep.client = redis.NewClient(&redis.Options{
		Network: "unix", Addr: rep.cfg.Redis,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	if err := rep.restart(rep.cfg.Secrets); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{userPool}/page", rep.servePage)
	mux.HandleFunc("POST /{userPool}/sign-out", rep.serveSignOut)
	mux.HandleFunc("POST /{userPool}/end-user", rep.serveEndUser)
	mux.HandleFunc("POST /secrets", rep.serveSecrets)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, mux)
}

// restart makes new guards, as a new process would.
func (rep *replica) restart(secrets Secrets) error {
	var auths []*middleware.Auth
	for _, userPool := range rep.cfg.UserPools {
		auth, err := middleware.New(middleware.Config{
			UserPool:   userPool,
			Bearer:     true,
			Shared:     redisstore.New(rep.client, "test:"),
			Secret:     secrets.Secret,
			OldSecrets: secrets.OldSecrets,
			HTTPClient: &http.Client{Transport: named(rep.cfg.Name)},
			Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)).With("replica", rep.cfg.Name),
		})
		if err != nil {
			return err
		}
		auths = append(auths, auth)
	}
	rep.auths.Store(&auths)
	return nil
}

// servePage answers behind a guard. With "force" it has the tokens refreshed.
func (rep *replica) servePage(w http.ResponseWriter, r *http.Request) {
	auth := rep.auth(r)
	auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("force") {
			if _, err := auth.Sessions().Fetch(w, r, &session.FetchOptions{ForceRefresh: true}); err != nil {
				auth.ServeError(w, r, err)
				return
			}
		}
		s, _ := session.FromContext(r.Context())
		fmt.Fprintln(w, s.User().Username)
	})).ServeHTTP(w, r)
}

// auth returns the guard of the request's user pool.
func (rep *replica) auth(r *http.Request) *middleware.Auth {
	var i int
	fmt.Sscan(r.PathValue("userPool"), &i)
	return (*rep.auths.Load())[i]
}

func (rep *replica) serveSignOut(w http.ResponseWriter, r *http.Request) {
	if err := rep.auth(r).Sessions().End(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (rep *replica) serveEndUser(w http.ResponseWriter, r *http.Request) {
	if err := rep.auth(r).Sessions().EndUser(r.Context(), r.URL.Query().Get("subject")); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// serveSecrets restarts the replica with other secrets, while requests run.
func (rep *replica) serveSecrets(w http.ResponseWriter, r *http.Request) {
	var secrets Secrets
	err := json.NewDecoder(r.Body).Decode(&secrets)
	if err == nil {
		err = rep.restart(secrets)
	}
	if err != nil {
		http.Error(w, strings.TrimSpace(err.Error()), http.StatusBadRequest)
	}
}
