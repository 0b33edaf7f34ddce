package proxytest_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

const (
	host     = "app.example.com" // in docs/proxies.md
	origin   = "https://" + host
	password = "Passw0rd!"
)

// site is an application on a user pool in memory.
type site struct {
	http.Handler
	server *cognitotest.Server
	ahead  atomic.Int64 // of the real time, as a time.Duration
	events chan string
}

// newSite returns a site with the users ada, and grace, whose tokens nearly fill their
// cookies.
func newSite(t *testing.T) *site {
	t.Helper()
	grace := cognitotest.User{Username: "grace", Password: password}
	for i := range 20 {
		grace.Groups = append(grace.Groups, fmt.Sprintf("%02d-%s", i, strings.Repeat("g", 97)))
	}
	s := &site{events: make(chan string), server: cognitotest.New(cognitotest.User{Username: "ada", Password: password}, grace)}
	s.server.SetNow(func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) })
	auth, err := cognito.New(cognito.Config{
		UserPool: s.server.UserPool(), HTTPClient: s.server.Client(), Now: s.server.Now, Logger: slog.New(slog.DiscardHandler),
		Origin: origin, Secret: []byte("a secret of thirty-two bytes or more"), AfterSignOut: "/bye",
		ClientAddress: clientAddress,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", auth.Routes())
	mux.Handle("/events", auth.Protect(http.HandlerFunc(s.serveEvents)))
	mux.Handle("/ws/echo", auth.Protect(http.HandlerFunc(serveUpgrade)))
	mux.Handle("/", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := session.FromContext(r.Context())
		fmt.Fprintf(w, "Hello, %s at %s", user.User().Username, r.RequestURI)
	})))
	mux.HandleFunc("/address", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, clientAddress(r)) })
	mux.HandleFunc("/bye", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Bye") })
	s.Handler = http.NewCrossOriginProtection().Handler(mux)
	return s
}

// advance moves the clock of the user pool and of the application.
func (s *site) advance(by time.Duration) { s.ahead.Add(int64(by)) }

// clientAddress is the function of this name in docs/proxies.md.
func clientAddress(r *http.Request) netip.Addr {
	forwarded := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	last := forwarded[strings.LastIndexByte(forwarded, ',')+1:]
	address, _ := netip.ParseAddr(strings.TrimSpace(last))
	return address
}
