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

// signedIn returns a new session of the user, as a guard puts it into a request.
func signedIn(server *cognitotest.Server, username string, edits ...func(*cognitotest.Draft)) *session.Session {
	return signInWith(server)(username, edits...)
}

// signInWith returns signedIn for many users: it makes one Manager.
func signInWith(server *cognitotest.Server) func(username string, edits ...func(*cognitotest.Draft)) *session.Session {
	sessions, err := session.NewManager(session.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Now:        server.Now,
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	return func(username string, edits ...func(*cognitotest.Draft)) *session.Session {
		r := httptest.NewRequest("GET", "/", nil)
		server.SignIn(r, username, edits...)
		s, err := sessions.Fetch(nil, r, nil)
		if err != nil {
			panic(err)
		}
		return s
	}
}

// clock is a clock that tests set.
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

// poolTest is an identity pool of an emulated Cognito, with a clock that tests set.
type poolTest struct {
	*clock
	server       *cognitotest.Server
	identityPool *identity.Pool
}

// newPoolTest returns a poolTest with the users ada and bob. edit may be nil.
func newPoolTest(t *testing.T, edit func(*identity.Options)) *poolTest {
	t.Helper()
	p := &poolTest{
		clock: &clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)},
		server: cognitotest.New(
			cognitotest.User{Username: "ada", Groups: []string{"admins"}},
			cognitotest.User{Username: "bob"},
		),
	}
	p.server.SetNow(p.Now)
	p.server.SetLifetime(24 * time.Hour) // of tokens; these tests are about the lifetime of credentials
	opts := &identity.Options{HTTPClient: p.server.Client(), Now: p.Now, Logger: slog.New(slog.DiscardHandler)}
	if edit != nil {
		edit(opts)
	}
	identityPool, err := identity.NewPool(p.server.UserPool(), opts)
	if err != nil {
		t.Fatal(err)
	}
	p.identityPool = identityPool
	return p
}

// calls returns how often GetId and GetCredentialsForIdentity were called.
func (p *poolTest) calls() [2]int {
	return [2]int{p.server.Calls("GetId"), p.server.Calls("GetCredentialsForIdentity")}
}
