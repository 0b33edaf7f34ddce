package awscall_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cognitogate/cognitogate/internal/awscall"
)

// TestDefaultClientKeepsConnections: a second burst of calls opens no connection.
func TestDefaultClientKeepsConnections(t *testing.T) {
	const burst = 20
	var opened atomic.Int64
	arrived, goOn := make(chan struct{}, burst), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-goOn
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	for i, want := range []int64{burst, burst} {
		var wg sync.WaitGroup
		for range burst {
			wg.Go(func() {
				resp, err := awscall.DefaultClient().Get(server.URL)
				if err != nil {
					panic(err) // the others wait for it
				}
				resp.Body.Close()
			})
		}
		for range burst { // all at once
			<-arrived
		}
		for range burst {
			goOn <- struct{}{}
		}
		wg.Wait()
		if n := opened.Load(); n != want {
			t.Errorf("after burst %d: %d connections, want %d", i+1, n, want)
		}
	}
}
