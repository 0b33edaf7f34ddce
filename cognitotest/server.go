package cognitotest

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// Defaults of a new app client in Cognito.
const (
	defaultLifetime        = time.Hour
	defaultRefreshLifetime = 30 * 24 * time.Hour
)

// Server is a user pool in memory, seen through one of its app clients. Make it
// with [New]. Its methods are safe for concurrent use.
type Server struct {
	userPool *userPool
	clientID string
}

// userPool is the state that all app clients of a user pool share.
type userPool struct {
	id           string
	awsIssuer    string // original issuer, below the regional API endpoint
	identityPool *identityPool
	domain       string // host that AWS would give the managed login

	mu              sync.Mutex
	url             string // see SetURL; no slash at the end
	switched        bool   // see SwitchIssuer
	clients         map[string]string
	users           map[string]*account
	notRevocable    map[string]bool                     // app clients; see SetTokenRevocation
	sessionConfigs  map[string]session.Config           // by app client; see SetSessions
	sessions        map[string]*userSession             // by event_id
	refreshTokens   map[[sha256.Size]byte]*refreshToken // by hash: long tests have many
	loginSettings   map[string]Login                    // by app client
	codes           map[string]*authorizationCode
	loginSessions   map[string]*loginSession // by cookie
	keys            keyPair
	oldKeys         []keyPair
	now             func() time.Time
	lifetime        time.Duration
	refreshLifetime time.Duration
	rotation        bool
	grace           time.Duration
	fault           func(op string) Fault
	trigger         func(username string) string // see SetTrigger
	calls           map[string]int
	removed         map[string]bool // operations; see RemoveOperation
}

// userPools counts the user pools of the process. Each gets an id of its own, and
// the same tests get the same ids in every run.
var userPools atomic.Int64

// New makes a user pool with these users and one app client without a secret. A
// Server starts nothing and needs no closing. Every sixtieth user pool of a process begins
// with the same signing keys, because keys are slow to make; its issuer is its own. New
// panics if a username is empty or comes twice.
func New(users ...User) *Server {
	n := userPools.Add(1)
	p := &userPool{
		id:              fmt.Sprintf("eu-west-1_Emulator%d", n),
		clients:         make(map[string]string),
		users:           make(map[string]*account),
		notRevocable:    make(map[string]bool),
		sessionConfigs:  make(map[string]session.Config),
		sessions:        make(map[string]*userSession),
		refreshTokens:   make(map[[sha256.Size]byte]*refreshToken),
		loginSettings:   make(map[string]Login),
		codes:           make(map[string]*authorizationCode),
		loginSessions:   make(map[string]*loginSession),
		keys:            newKeyPair(),
		now:             time.Now,
		lifetime:        defaultLifetime,
		refreshLifetime: defaultRefreshLifetime,
		calls:           make(map[string]int),
	}
	p.awsIssuer = tokens.UserPool{ID: p.id}.IssuerURL()
	p.identityPool = newIdentityPool(tokens.UserPool{ID: p.id}.Region(), p.id)
	p.domain = fmt.Sprintf("emulator%d.auth.eu-west-1.amazoncognito.com", n)
	s := &Server{userPool: p, clientID: fmt.Sprintf("1emulator%017d", n)}
	p.clients[s.clientID] = ""
	for _, u := range users {
		if p.users[u.Username] != nil {
			panic(fmt.Sprintf("cognitotest: New: user %q comes twice", u.Username))
		}
		s.SetUser(u)
	}
	return s
}

// AddClient adds an app client to the user pool. UserPool, Issue and SignIn of the
// returned Server are those of the new app client; everything else is shared with
// s. An empty secret means a public client. AddClient panics if id is empty or
// taken.
func (s *Server) AddClient(id, secret string) *Server {
	p := s.userPool
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.clients[id]; ok || id == "" {
		panic(fmt.Sprintf("cognitotest: AddClient: id %q is empty or taken", id))
	}
	p.clients[id] = secret
	return &Server{userPool: p, clientID: id}
}

// UserPool describes the user pool and the app client, for the configuration of
// the code under test. Its issuer and the host of its managed login are those
// that AWS would assign, and [Server.Client] answers for them. After
// [Server.SetURL], Endpoint, Issuer and Domain name that URL. Domain stays empty
// if the URL has a path, because Domain is a host alone.
func (s *Server) UserPool() tokens.UserPool {
	p := s.userPool
	p.mu.Lock()
	defer p.mu.Unlock()
	up := tokens.UserPool{ID: p.id, ClientID: s.clientID, ClientSecret: p.clients[s.clientID], Domain: p.loginHost()}
	up.IdentityPoolID = p.identityPool.id
	if p.url != "" {
		up.Endpoint, up.Issuer = p.url, p.issuer()
	}
	return up
}

// SetURL says under which URL an HTTP server serves s, such as the URL of an
// httptest.Server. UserPool then has the URL as Endpoint, and the URL with the
// user pool's id as Issuer. New tokens name that issuer. The empty string restores
// AWS's names. SetURL panics if base is not an absolute http or https URL.
func (s *Server) SetURL(base string) {
	if base != "" {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			panic(fmt.Sprintf("cognitotest: SetURL: %q is not an absolute http(s) URL", base))
		}
	}
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.url = strings.TrimRight(base, "/")
}

// base is the URL given to SetURL, or empty.
func (p *userPool) base() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url
}

// SwitchIssuer switches the user pool to the updated issuer that AWS offers since
// 2026, https://issuer-cognito-idp.<region>.<suffix>/<pool id>. New tokens name it,
// and its key set is published. Before the switch that key set answers 403, as on
// AWS. The original issuer's key set stays. After SetURL, SwitchIssuer changes
// nothing.
func (s *Server) SwitchIssuer() {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.switched = true
}

// issuer is the "iss" of new tokens. Called with p.mu held.
func (p *userPool) issuer() string {
	switch {
	case p.url != "":
		return p.url + "/" + p.id
	case p.switched:
		return p.updatedIssuer()
	}
	return p.awsIssuer
}

func (p *userPool) updatedIssuer() string {
	return strings.Replace(p.awsIssuer, "://", "://issuer-", 1)
}

// Now is the user pool's time: that of the clock given to SetNow, else the real
// one. Give it to the code under test, so that both have the same time.
func (s *Server) Now() time.Time { return s.userPool.time() }

func (p *userPool) time() time.Time {
	p.mu.Lock()
	now := p.now
	p.mu.Unlock()
	return now() // without p.mu: a test's clock may take locks of its own
}

// SetNow replaces the user pool's clock; nil restores time.Now. Every goroutine
// that uses the server calls the clock.
func (s *Server) SetNow(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.now = now
}

// SetLifetime sets how long access and ID tokens are valid that are issued from
// now on. The default is Cognito's, one hour. With zero or less, new tokens have
// already expired.
func (s *Server) SetLifetime(d time.Duration) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.lifetime = d
}

// SetRefreshLifetime sets how long after a sign-in its refresh tokens are valid,
// for sign-ins from now on. The default is Cognito's, 30 days. Rotation does not
// extend it.
func (s *Server) SetRefreshLifetime(d time.Duration) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.refreshLifetime = d
}

// SetRotation turns refresh token rotation on or off; it is off by default. With
// rotation, GetTokensFromRefreshToken returns a new refresh token. The used one
// stays valid for the grace period, and is then refused with
// RefreshTokenReuseException. SetRotation panics if grace is outside of the 0 to
// 60 seconds that Cognito allows.
func (s *Server) SetRotation(on bool, grace time.Duration) {
	if grace < 0 || grace > time.Minute {
		panic(fmt.Sprintf("cognitotest: SetRotation: grace %v is not within 0 to 60 s", grace))
	}
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.rotation, s.userPool.grace = on, grace
}

// RemoveOperation makes the user pool API answer UnknownOperationException for an
// operation, named as for [Server.Calls]. Some emulators lack GetTokensFromRefreshToken
// like this.
func (s *Server) RemoveOperation(op string) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	if s.userPool.removed == nil {
		s.userPool.removed = make(map[string]bool)
	}
	s.userPool.removed[op] = true
}

// SetTokenRevocation sets EnableTokenRevocation of s's app client, which is on by
// default. Without it new tokens, also those of refreshes, have neither origin_jti nor
// jti. RevokeToken answers UnsupportedOperationException then, and /oauth2/revoke
// invalid_request.
func (s *Server) SetTokenRevocation(enabled bool) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.notRevocable[s.clientID] = !enabled
}

// Calls counts the requests for an operation since New, failed ones and faults
// included. The operations of the user pool API are "GetTokensFromRefreshToken",
// "InitiateAuth", "RevokeToken", "GlobalSignOut" and "GetUser". "JWKS" is the key
// set, and "OpenIDConfiguration" the issuer's other document. Those of the managed
// login are "Authorize", "Login", "Signup", "Logout", "Token", "Revoke" and
// "UserInfo". "Login" includes requests to the emulated identity provider.
func (s *Server) Calls(op string) int {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	return s.userPool.calls[op]
}

// must panics with err, which is either a mistake of the test itself, such as a
// claim that JSON cannot express, or impossible.
func must(err error) {
	if err != nil {
		panic("cognitotest: " + err.Error())
	}
}
