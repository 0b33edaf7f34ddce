package redisstore_test

import (
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/redistest"
	"github.com/cognitogate/cognitogate/session/redisstore"
)

// TestLoad has many clients that each claim the same keys, as replicas do, while they
// append notes. Each key has one winner, whose value all others get.
func TestLoad(t *testing.T) {
	server := redistest.Start(t)
	keys := longtest.Scale(20, 2000)
	const replicas = 16
	var claimed, calls atomic.Int64
	begin := time.Now()
	var wg sync.WaitGroup
	for range replicas {
		store := redisstore.New(server.Client(), "")
		wg.Go(func() {
			for i := range keys {
				key, claim := fmt.Sprint("key ", i), []byte(rand.Text())
				there, err := store.Add(t.Context(), key, claim, time.Minute)
				calls.Add(1)
				for err == nil && there != nil && len(there) < 1000 {
					there, err = store.Get(t.Context(), key)
					calls.Add(1)
				}
				if there == nil && err == nil {
					claimed.Add(1)
					var swapped bool
					swapped, err = store.Swap(t.Context(), key, claim, make([]byte, 6000), time.Minute)
					calls.Add(1)
					if !swapped {
						t.Error("another has taken a claim")
					}
				}
				if err == nil {
					err = store.Append(t.Context(), []byte(key), time.Hour)
					calls.Add(1)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := claimed.Load(); n != int64(keys) {
		t.Errorf("%d claims of %d keys", n, keys)
	}
	took := time.Since(begin)
	t.Logf("%d calls in %v", calls.Load(), took)

	begin = time.Now()
	notes, _ := allNotes(t, redisstore.New(server.Client(), ""), "")
	t.Logf("%d notes read in %v", len(notes), time.Since(begin))
	if len(notes) != keys*replicas {
		t.Errorf("%d of %d notes", len(notes), keys*replicas)
	}
}
