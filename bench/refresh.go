//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/middleware"
)

const (
	refreshedPages = 1000
	pagesAtATime   = 20
)

// refreshes measures pages of users whose tokens have expired. The guard calls the
// user pool over TLS, with its default client. The pool's server is in this process,
// and its share is included.
func (b *bench) refreshes() {
	users := make([]cognitotest.User, refreshedPages)
	for i := range users {
		users[i].Username = fmt.Sprintf("user%d", i)
	}
	server := cognitotest.New(users...)
	api, connections := newTLSServer(newReplay(server))
	defer api.Close()
	server.SetURL(api.URL)
	forget := trust(api)
	defer forget()

	pages := make([]*http.Request, refreshedPages)
	inParallel(refreshedPages, func(i int) {
		pages[i] = httptest.NewRequest("GET", "/dashboard/1", nil)
		server.SignIn(pages[i], users[i].Username, cognitotest.Expired)
	})
	var opened, slow []float64
	var failed atomic.Int64
	newGuarded := func() http.Handler {
		return newSite(server, func(cfg *middleware.Config) {
			cfg.HTTPClient = nil
			cfg.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { failed.Add(1) }
		}).guarded
	}
	refresh := func() float64 {
		guarded := newGuarded()
		awscall.DefaultClient().CloseIdleConnections()
		before, times := connections.Load(), make([]float64, refreshedPages)
		cost := cpuNanoseconds(func() {
			concurrently(pagesAtATime, refreshedPages, func(i int) {
				start := time.Now()
				guarded.ServeHTTP(discard{http.Header{}}, pages[i])
				times[i] = float64(time.Since(start))
			})
		})
		slices.Sort(times)
		slow = append(slow, times[refreshedPages*99/100])
		opened = append(opened, float64(connections.Load()-before))
		return cost / refreshedPages
	}
	guarded := newGuarded()
	inParallel(refreshedPages, func(i int) { // fills the replay
		w := discard{http.Header{}}
		guarded.ServeHTTP(w, pages[i])
		if len(w.header["Set-Cookie"]) == 0 {
			panic("a session was not refreshed")
		}
	})
	failed.Store(0)
	c := interleave(b.perGroup, func() float64 { return getKeys(api, server.UserPool().IssuerURL()) }, refresh)
	b.add(atMost("P10", "connections for 1000 refreshes, 20 at a time", medianOf(opened), "%.0f", 40))
	if n := failed.Load(); n > 0 { // after five seconds, on a machine with no time for it
		b.add(atMost("P10", "pages whose refresh failed", exactly(float64(n)), "%.0f", 0))
	}
	b.add(atMost("P10", "page with a refresh over TLS", c.median(1).times(1e-6), "%.2f ms", 0.65))
	b.add(informs("P10", "the same, over a bare GET on a kept connection", c.ratio(1, 0), "× %.1f"))
	b.add(informs("P10", "99th percentile of the time of such a page", medianOf(slow).times(1e-6), "%.0f ms"))
}

// getKeys returns what a GET costs of a client that keeps as many connections as it
// uses.
func getKeys(api *httptest.Server, issuer string) float64 {
	transport := api.Client().Transport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = pagesAtATime
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	return cpuNanoseconds(func() {
		concurrently(pagesAtATime, refreshedPages, func(int) {
			resp, err := client.Get(issuer + "/.well-known/jwks.json")
			check(err)
			_, err = io.Copy(io.Discard, resp.Body)
			check(err)
			resp.Body.Close()
		})
	}) / refreshedPages
}

// newTLSServer starts a server of the replay and counts its connections.
func newTLSServer(p *replay) (api *httptest.Server, connections *atomic.Int64) {
	connections = new(atomic.Int64)
	api = httptest.NewUnstartedServer(nil)
	api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, api.URL) })
	api.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	api.TLS = &tls.Config{Certificates: []tls.Certificate{newCertificate()}}
	api.StartTLS()
	return api, connections
}

// newCertificate makes a certificate whose key signs fast. A handshake with the RSA key
// of package httptest would cost the server more than all the rest.
func newCertificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trust has every client of this process trust the server's certificate, until forget
// is called or, where the roots of trust were read meanwhile, for good.
func trust(api *httptest.Server) (forget func()) {
	dir, err := os.MkdirTemp("", "bench")
	check(err)
	file := filepath.Join(dir, "root.pem")
	check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}), 0o600))
	const variable = "SSL_CERT_FILE"
	old, wasSet := os.LookupEnv(variable)
	check(os.Setenv(variable, file))
	return func() {
		os.RemoveAll(dir)
		if os.Unsetenv(variable); wasSet {
			os.Setenv(variable, old)
		}
	}
}
