package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	// Credentials live for an hour. In their last ten minutes, which is when
	// Amplify drops them, they are renewed while they go on being used; in the
	// last minute a request waits for the new ones.
	renewBefore = 10 * time.Minute
	waitBefore  = time.Minute

	// A call that failed is not made again for so long.
	failurePause = time.Second

	maxCredentials = 10_000 // about 25 MB
	maxIdentities  = 50_000 // about 10 MB
)

// Options are the surroundings and settings of a [Pool]. A nil *Options and zero
// fields mean the defaults.
type Options struct {
	// AllowGuest gives credentials of the pool's unauthenticated role where
	// nobody is signed in, Amplify's allowGuestAccess. Default no. The identity
	// pool must allow it too.
	AllowGuest bool

	// RoleARN asks for this role instead of the one that the identity pool
	// chooses. It must be one that the ID token's cognito:roles names. Not for
	// guests.
	RoleARN string

	// LoginsKey is the name under which the identity pool knows the user pool.
	// Default the ID token's issuer without its scheme, which is AWS's name:
	// "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123".
	LoginsKey string

	// Endpoint replaces the regional endpoint of the identity pool API: for FIPS,
	// VPC endpoints and emulators. An absolute URL.
	Endpoint string

	// HTTPClient calls the identity pool. Default http.DefaultClient. Every
	// request carries a deadline of its own (5 s), so the client needs none.
	HTTPClient *http.Client

	// Now is the clock, that of signatures too. Default time.Now.
	Now func() time.Time
}

// Pool exchanges ID tokens of a user pool for AWS credentials of an identity pool,
// and caches them. It may be used by many goroutines at once. Make it with
// [NewPool], once for the process.
type Pool struct {
	users  tokens.UserPool
	opts   Options
	api    *ci.Client
	signer *v4.Signer

	mu         sync.Mutex
	entries    *lru[digest, *entry] // by the claims that credentials depend on
	identities *lru[digest, string] // identity ids, by user
}

// poolID is the shape of an identity pool id in Cognito's API reference.
var poolID = regexp.MustCompile(`^[a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}:[0-9a-f-]+$`)

// NewPool returns the identity pool p.IdentityPoolID, for sessions of the user
// pool p. It makes no request. The error lists everything that is wrong with p and
// opts, by field.
func NewPool(p tokens.UserPool, opts *Options) (*Pool, error) {
	pool := &Pool{
		users:      p,
		signer:     v4.NewSigner(),
		entries:    newLRU[digest, *entry](maxCredentials),
		identities: newLRU[digest, string](maxIdentities),
	}
	if opts != nil {
		pool.opts = *opts
	}
	o := &pool.opts
	if err := validate(p, o); err != nil {
		return nil, fmt.Errorf("identity: NewPool: %w", err)
	}
	if o.HTTPClient == nil {
		o.HTTPClient = http.DefaultClient
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	region, _, _ := strings.Cut(p.IdentityPoolID, ":")
	api := ci.Options{
		Region:      region,
		Credentials: aws.AnonymousCredentials{},
		HTTPClient:  newBoundedClient(o.HTTPClient),
		Retryer:     aws.NopRetryer{}, // attempts are ours: see call
	}
	if o.Endpoint != "" {
		api.BaseEndpoint = aws.String(o.Endpoint)
	}
	pool.api = ci.New(api)
	return pool, nil
}

func validate(p tokens.UserPool, o *Options) error {
	errs := []error{p.Validate()}
	fault := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf(field+": "+format, args...))
	}
	if p.IdentityPoolID == "" {
		fault("IdentityPoolID", `is required, like "eu-west-1:11111111-2222-4333-8444-555555555555"`)
	} else if !poolID.MatchString(p.IdentityPoolID) {
		fault("IdentityPoolID", "%q is not an identity pool id", p.IdentityPoolID)
	}
	if o.RoleARN != "" && !strings.HasPrefix(o.RoleARN, "arn:") {
		fault("RoleARN", "%q is not an ARN", o.RoleARN)
	}
	if strings.Contains(o.LoginsKey, "://") {
		fault("LoginsKey", "%q has a scheme, which a login's name has not", o.LoginsKey)
	}
	if u, err := url.Parse(o.Endpoint); o.Endpoint != "" &&
		(err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
		fault("Endpoint", "%q is not an absolute http(s) URL without query", o.Endpoint)
	}
	return errors.Join(errs...)
}

// Credentials returns AWS credentials for the session's user, or, if s is nil, for
// a guest. A context that ends cancels the wait, not the call, for which others may
// be waiting.
//
// The errors answer three questions. session.ErrSignedOut: nobody is signed in, and
// guests are not allowed. tokens.ErrUnavailable: the identity pool is throttling or
// down, or the session has no ID token now. A *tokens.APIError without that: the
// identity pool refuses, and says why.
func (p *Pool) Credentials(ctx context.Context, s *session.Session) (Credentials, error) {
	c, err := p.caller(s)
	if err != nil {
		return Credentials{}, err
	}
	creds, refusedTo, err := p.credentials(ctx, c)
	if refusedTo != "" && refusedTo != c.token {
		// Another session of the user was refused, whose token may have expired
		// on its way. This one has its own.
		creds, _, err = p.credentials(ctx, c)
	}
	return creds, err
}

// caller is whose credentials are asked for. The zero caller is the guest.
type caller struct {
	token, login string
	user         digest // issuer and subject
	claims       digest // what credentials depend on
}

func (p *Pool) caller(s *session.Session) (caller, error) {
	if s == nil {
		if !p.opts.AllowGuest {
			return caller{}, fmt.Errorf("identity: guests are not allowed: %w", session.ErrSignedOut)
		}
		return caller{}, nil
	}
	id := s.IDToken()
	if id == nil {
		// It has expired, and Cognito could not be asked for another; or the
		// browser has lost it, and the next refresh brings it back.
		return caller{}, fmt.Errorf("identity: the session has no ID token: %w", tokens.ErrUnavailable)
	}
	if !slices.Contains(p.users.IssuerURLs(), id.Issuer()) || id.ClientID() != p.users.ClientID {
		return caller{}, fmt.Errorf("identity: the session is of another user pool or app client: %q, %q", id.Issuer(), id.ClientID())
	}
	claims, err := stableClaims(id)
	if err != nil {
		return caller{}, fmt.Errorf("identity: %w", err)
	}
	c := caller{token: id.Raw(), login: p.opts.LoginsKey, user: hash([]byte(id.Issuer() + "\n" + id.Subject())), claims: claims}
	if c.login == "" {
		_, c.login, _ = strings.Cut(id.Issuer(), "://")
	}
	return c, nil
}

// credentials looks into the cache, or makes or joins the one flight of the caller.
// After a refusal, refusedTo is the token that was refused.
func (p *Pool) credentials(ctx context.Context, c caller) (_ Credentials, refusedTo string, err error) {
	p.mu.Lock()
	e, ok := p.entries.get(c.claims)
	if !ok {
		e = new(entry)
		p.entries.add(c.claims, e)
	}
	now := p.opts.Now()
	have := e.creds
	left := have.Expires.Sub(now)
	f := e.flight
	switch {
	case left > renewBefore:
		p.mu.Unlock()
		return have, "", nil
	case f != nil:
	case e.failed != nil && now.Before(e.failedUntil) && (!refused(e.failed) || e.failedToken == c.token):
		err := e.failed
		p.mu.Unlock()
		if left > 0 {
			return have, "", nil
		}
		return Credentials{}, "", err
	case left <= waitBefore && ctx.Err() != nil:
		p.mu.Unlock()
		return Credentials{}, "", fmt.Errorf("identity: %w", context.Cause(ctx))
	default:
		f = p.start(ctx, e, c)
	}
	p.mu.Unlock()
	if left > waitBefore {
		return have, "", nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return Credentials{}, "", fmt.Errorf("identity: %w", context.Cause(ctx))
	}
	if f.err == nil {
		return f.creds, "", nil
	}
	if have.Expires.After(p.opts.Now()) {
		return have, "", nil
	}
	if refused(f.err) {
		refusedTo = f.token
	}
	return Credentials{}, refusedTo, f.err
}
