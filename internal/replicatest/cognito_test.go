package replicatest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// cognito is a Cognito on a port, whose refresh tokens rotate. It notes which replica has
// exchanged which refresh token.
type cognito struct {
	*cognitotest.Server

	mu        sync.Mutex
	exchanges map[string][]string // names of replicas, by refresh token
	gate      gate                // may be nil
}

// gate is called for each exchange, before it has its effect and before its answer. It
// may wait.
type gate func(r *http.Request, refreshToken, replica string, acted bool)

func startCognito(t *testing.T, grace time.Duration, users []cognitotest.User) *cognito {
	t.Helper()
	c := &cognito{Server: cognitotest.New(users...), exchanges: make(map[string][]string)}
	c.SetRotation(true, grace)
	port := httptest.NewServer(c)
	t.Cleanup(port.Close)
	t.Cleanup(port.CloseClientConnections)
	c.SetURL(port.URL)
	return c
}

func (c *cognito) setGate(g gate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = g
}

func (c *cognito) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetTokensFromRefreshToken") {
		c.Server.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	var call struct{ RefreshToken string }
	if err == nil {
		err = json.Unmarshal(body, &call)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	replica := r.Header.Get(nameHeader)
	c.mu.Lock()
	c.exchanges[call.RefreshToken] = append(c.exchanges[call.RefreshToken], replica)
	gate := c.gate
	c.mu.Unlock()
	if gate != nil {
		gate(r, call.RefreshToken, replica, false)
	}
	answer := httptest.NewRecorder()
	c.Server.ServeHTTP(answer, r)
	if gate != nil {
		gate(r, call.RefreshToken, replica, true)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

// exchangesOf returns the names of the replicas that have exchanged a refresh token.
func (c *cognito) exchangesOf(refreshToken string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.exchanges[refreshToken])
}

// calls returns how many exchanges there were, and how many of a refresh token that had
// been exchanged before.
func (c *cognito) calls() (all, again int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, replicas := range c.exchanges {
		all += len(replicas)
		again += len(replicas) - 1
	}
	return all, again
}
