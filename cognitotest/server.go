package cognitotest

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// Defaults of a new app client in Cognito.
const (
	defaultLifetime        = time.Hour
	defaultRefreshLifetime = 30 * 24 * time.Hour
)

// Server is a user pool in memory, seen through one of its app clients. Make it
// with [New]; its methods are safe for concurrent use.
type Server struct {
	pool     *pool
	clientID string
}

// pool is what all app clients of a user pool share.
type pool struct {
	id        string
	awsIssuer string // original issuer, below the regional API endpoint
	identity  *identityPool
	domain    string // host that AWS would give the managed login

	mu              sync.Mutex
	url             string // see SetURL; no slash at the end
	switched        bool   // see SwitchIssuer
	clients         map[string]string
	users           map[string]*account
	chains          map[string]*chain                   // by origin_jti
	refreshTokens   map[[sha256.Size]byte]*refreshToken // by hash: long tests keep many
	loginSettings   map[string]Login                    // by app client
	codes           map[string]*code
	browsers        map[string]*browserSession // by cookie
	keys            keyPair
	oldKeys         []keyPair
	now             func() time.Time
	lifetime        time.Duration
	refreshLifetime time.Duration
	rotation        bool
	grace           time.Duration
	fault           func(op string) Fault
	calls           map[string]int
}

// pools counts the pools of the process, so that each has an id of its own and
// a run of the same tests meets the same ids.
var pools atomic.Int64

// New makes a user pool with these users and one app client that has no secret.
// It is ready at once: a Server starts nothing and needs no closing. New panics
// if a username is empty or comes twice.
func New(users ...User) *Server {
	n := pools.Add(1)
	p := &pool{
		id:              fmt.Sprintf("eu-west-1_Emulator%d", n),
		clients:         make(map[string]string),
		users:           make(map[string]*account),
		chains:          make(map[string]*chain),
		refreshTokens:   make(map[[sha256.Size]byte]*refreshToken),
		loginSettings:   make(map[string]Login),
		codes:           make(map[string]*code),
		browsers:        make(map[string]*browserSession),
		keys:            newKeyPair(),
		now:             time.Now,
		lifetime:        defaultLifetime,
		refreshLifetime: defaultRefreshLifetime,
		calls:           make(map[string]int),
	}
	p.awsIssuer = tokens.UserPool{ID: p.id}.IssuerURL()
	p.identity = newIdentityPool(tokens.UserPool{ID: p.id}.Region(), p.id)
	p.domain = fmt.Sprintf("emulator%d.auth.eu-west-1.amazoncognito.com", n)
	s := &Server{pool: p, clientID: fmt.Sprintf("1emulator%017d", n)}
	p.clients[s.clientID] = ""
	for _, u := range users {
		if p.users[u.Username] != nil {
			panic(fmt.Sprintf("cognitotest: New: user %q comes twice", u.Username))
		}
		s.SetUser(u)
	}
	return s
}

// AddClient adds an app client to the pool and returns the same pool seen
// through it: UserPool, Issue and SignIn of the result are those of the new app
// client, everything else is shared with s. An empty secret means a public
// client. AddClient panics if the pool has an app client of that id.
func (s *Server) AddClient(id, secret string) *Server {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.clients[id]; ok || id == "" {
		panic(fmt.Sprintf("cognitotest: AddClient: id %q is empty or taken", id))
	}
	p.clients[id] = secret
	return &Server{pool: p, clientID: id}
}

// UserPool describes the pool and the app client, for the configuration of the
// code under test. Its issuer and the host of its managed login are those that
// AWS would give the pool, which [Server.Client] answers for; after
// [Server.SetURL], Endpoint, Issuer and Domain name that URL. If it has a path,
// Domain is empty: the managed login wants a host to itself.
func (s *Server) UserPool() tokens.UserPool {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	up := tokens.UserPool{ID: p.id, ClientID: s.clientID, ClientSecret: p.clients[s.clientID], Domain: p.loginHost()}
	up.IdentityPoolID = p.identity.id
	if p.url != "" {
		up.Endpoint, up.Issuer = p.url, p.issuer()
	}
	return up
}

// SetURL says under which URL an HTTP server serves s, such as the URL of an
// httptest.Server. UserPool then carries it as Endpoint, the pool's id below it
// as Issuer, and new tokens name that issuer. The empty string goes back to
// AWS's names. SetURL panics if base is not an absolute http or https URL.
func (s *Server) SetURL(base string) {
	if base != "" {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			panic(fmt.Sprintf("cognitotest: SetURL: %q is not an absolute http(s) URL", base))
		}
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.url = strings.TrimRight(base, "/")
}

// SwitchIssuer switches the pool to the updated issuer that AWS offers since
// 2026, https://issuer-cognito-idp.<region>.<suffix>/<pool id>: new tokens name
// it, and its key set is published. Until then its key set answers 403, as on
// AWS. The original issuer's key set stays. It changes nothing after SetURL.
func (s *Server) SwitchIssuer() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.switched = true
}

// issuer is the "iss" of new tokens. Called with p.mu held.
func (p *pool) issuer() string {
	switch {
	case p.url != "":
		return p.url + "/" + p.id
	case p.switched:
		return p.updatedIssuer()
	}
	return p.awsIssuer
}

func (p *pool) updatedIssuer() string {
	return strings.Replace(p.awsIssuer, "://", "://issuer-", 1)
}

// Now is the pool's time: that of the clock given to SetNow, else the real one.
// Give it to the code under test, so that both live at the same time.
func (s *Server) Now() time.Time { return s.pool.time() }

func (p *pool) time() time.Time {
	p.mu.Lock()
	now := p.now
	p.mu.Unlock()
	return now() // outside of the lock: a test's clock may take locks of its own
}

// SetNow replaces the pool's clock; nil restores time.Now. The clock is called
// by every goroutine that uses the server.
func (s *Server) SetNow(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.now = now
}

// SetLifetime sets how long access and ID tokens that are issued from now on
// are valid. The default is Cognito's, one hour. Zero and less make tokens that
// are expired at birth.
func (s *Server) SetLifetime(d time.Duration) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.lifetime = d
}

// SetRefreshLifetime sets how long after a sign-in its refresh tokens are good,
// for sign-ins from now on. The default is Cognito's, 30 days. Rotation does
// not extend it.
func (s *Server) SetRefreshLifetime(d time.Duration) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.refreshLifetime = d
}

// SetRotation turns refresh token rotation on or off; it is off by default.
// When on, GetTokensFromRefreshToken returns a new refresh token, and the one
// that was used works for grace longer, then is refused with
// RefreshTokenReuseException. SetRotation panics if grace is outside of the 0
// to 60 seconds that Cognito allows.
func (s *Server) SetRotation(on bool, grace time.Duration) {
	if grace < 0 || grace > time.Minute {
		panic(fmt.Sprintf("cognitotest: SetRotation: grace %v is not within 0 to 60 s", grace))
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.rotation, s.pool.grace = on, grace
}

// Calls counts the requests for an operation since New, failed ones and faults
// included: "GetTokensFromRefreshToken", "InitiateAuth", "RevokeToken",
// "GlobalSignOut", "GetUser"; "JWKS" for the key set, "OpenIDConfiguration" for
// the issuer's other document; and of the managed login "Authorize", "Login",
// "Signup", "Logout", "Token", "Revoke", "UserInfo". "Login" are also the visits
// to the emulated identity provider.
func (s *Server) Calls(op string) int {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return s.pool.calls[op]
}

// must panics with err. What is left to it is what a test itself got wrong, such
// as a claim that is no JSON, and what cannot happen.
func must(err error) {
	if err != nil {
		panic("cognitotest: " + err.Error())
	}
}
