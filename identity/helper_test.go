package identity_test

import (
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
)

// signedIn is a new session of the user, as a guard would put it into a request.
func signedIn(srv *cognitotest.Server, username string, edits ...func(*cognitotest.Draft)) *session.Session {
	return guard(srv)(username, edits...)
}

// guard is signedIn for many users.
func guard(srv *cognitotest.Server) func(username string, edits ...func(*cognitotest.Draft)) *session.Session {
	sessions, err := session.NewManager(session.Config{
		UserPool:   srv.UserPool(),
		HTTPClient: srv.Client(),
		Now:        srv.Now,
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	return func(username string, edits ...func(*cognitotest.Draft)) *session.Session {
		r := httptest.NewRequest("GET", "/", nil)
		srv.SignIn(r, username, edits...)
		s, err := sessions.Fetch(nil, r, nil)
		if err != nil {
			panic(err)
		}
		return s
	}
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// place is an identity pool with what trusts it, at a time that the test moves.
type place struct {
	*clock
	srv  *cognitotest.Server
	pool *identity.Pool
}

// open makes a place with the users ada and bob. edit may be nil.
func open(t *testing.T, edit func(*identity.Options)) *place {
	t.Helper()
	p := &place{
		clock: &clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)},
		srv: cognitotest.New(
			cognitotest.User{Username: "ada", Groups: []string{"admins"}},
			cognitotest.User{Username: "bob"},
		),
	}
	p.srv.SetNow(p.Now)
	p.srv.SetLifetime(24 * time.Hour) // of tokens: theirs is not the time that matters here
	opts := &identity.Options{HTTPClient: p.srv.Client(), Now: p.Now}
	if edit != nil {
		edit(opts)
	}
	pool, err := identity.NewPool(p.srv.UserPool(), opts)
	if err != nil {
		t.Fatal(err)
	}
	p.pool = pool
	return p
}

// calls are how often each of the two operations was asked for.
func (p *place) calls() [2]int {
	return [2]int{p.srv.Calls("GetId"), p.srv.Calls("GetCredentialsForIdentity")}
}
