package redisstore_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/redistest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/redisstore"
	"github.com/cognitogate/cognitogate/session/storetest"
)

// documentedUser returns the command of the package's documentation that makes a user.
func documentedUser(t *testing.T) (command []any) {
	t.Helper()
	text, err := os.ReadFile("redisstore.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rule, ok := strings.CutPrefix(line, "//\tACL SETUSER "); ok {
			command = append(command, "ACL", "SETUSER")
			for field := range strings.FieldsSeq(rule) {
				command = append(command, field)
			}
			return command
		}
	}
	t.Fatal("redisstore.go documents no user")
	return nil
}

// TestContract runs the contract with both versions of the protocol, as the user that
// the documentation makes.
func TestContract(t *testing.T) {
	defer redisstore.SetPageSize(7)()
	server := redistest.Start(t)
	server.Do(documentedUser(t)...)
	for protocol := 2; protocol <= 3; protocol++ {
		t.Run(fmt.Sprintf("RESP%d", protocol), func(t *testing.T) {
			options := server.Options()
			options.Protocol, options.Username, options.Password = protocol, "myapp", "password"
			client := redis.NewClient(options)
			defer client.Close()
			storetest.Run(t, func(*testing.T) session.Store { return redisstore.New(client, "myapp:"+rand.Text()) })
		})
	}
}

// TestCluster runs the contract on a Cluster, which refuses a script that touches keys of
// several slots.
func TestCluster(t *testing.T) {
	longtest.Only(t) // a new node waits for two seconds
	defer redisstore.SetPageSize(7)()
	port := freePort(t)
	node := redistest.Start(t, "--cluster-enabled", "yes", "--port", port, "--cluster-port", freePort(t), "--bind", "127.0.0.1")
	node.Do("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	for !strings.Contains(node.Do("CLUSTER", "INFO").(string), "cluster_state:ok") {
		runtime.Gosched()
	}
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: []string{"127.0.0.1:" + port}, IsClusterMode: true, ContextTimeoutEnabled: true,
	})
	defer client.Close()
	storetest.Run(t, func(*testing.T) session.Store { return redisstore.New(client, rand.Text()) })
}

// freePort returns a port of loopback that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// TestKeys looks at what is in the server: all keys have the prefix, and all expire, but
// not too early.
func TestKeys(t *testing.T) {
	server := redistest.Start(t)
	ctx, store := t.Context(), redisstore.New(server.Client(), "myapp:")
	const hour = int64(time.Hour / time.Millisecond)
	must(t, store.Append(ctx, []byte("note"), time.Hour))
	must(t, store.Append(ctx, []byte("short"), time.Second))
	_, err := store.Add(ctx, "added", []byte("value"), time.Hour)
	must(t, err)
	_, err = store.Add(ctx, "added", []byte("value"), time.Second)
	must(t, err)
	_, err = store.Add(ctx, "swapped", nil, time.Second)
	must(t, err)
	_, err = store.Swap(ctx, "swapped", nil, []byte("value"), time.Hour)
	must(t, err)
	_, err = store.Swap(ctx, "swapped", nil, []byte("value"), time.Second)
	must(t, err)
	keys := server.Do("KEYS", "*").([]any)
	if len(keys) != 3 {
		t.Errorf("keys: %q", keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key.(string), "myapp:") {
			t.Errorf("the key %q has no prefix", key)
		}
		if ttl := server.Do("PTTL", key).(int64); ttl > hour || ttl < hour-60_000 {
			t.Errorf("%q expires in %d ms", key, ttl)
		}
	}

	// Notes older than the longest time to keep are trimmed.
	old := time.Now().Add(-25 * time.Hour).UnixMilli()
	server.Do("DEL", "myapp:log")
	for i := range 300 {
		server.Do("XADD", "myapp:log", fmt.Sprintf("%d-%d", old, i), "note", "old", "mark", "m", "keep", 24*hour)
	}
	must(t, store.Append(ctx, []byte("new"), time.Hour))
	if n := server.Do("XLEN", "myapp:log").(int64); n > 150 {
		t.Errorf("%d notes of 300 that are too old are kept", n)
	}
	if ttl := server.Do("PTTL", "myapp:log").(int64); ttl < 24*hour-60_000 {
		t.Errorf("the log expires in %d ms", ttl)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
