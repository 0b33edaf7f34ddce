package identity

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/configerr"
	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	// Credentials of AWS live for an hour. In their last ten minutes, when Amplify
	// drops them, they are renewed in the background. In the last minute a request
	// waits for the new ones. See cacheEntry.margins for shorter lives.
	renewBefore = 10 * time.Minute
	waitBefore  = time.Minute

	failurePause = time.Second // after a failed exchange

	maxCredentials = 10_000 // about 25 MB
	maxIdentities  = 50_000 // about 10 MB
)

// Options are the settings of a [Pool]. A nil *Options and zero fields mean the
// defaults.
type Options struct {
	// AllowGuest gives credentials of the pool's unauthenticated role if nobody is
	// signed in. It is Amplify's allowGuestAccess. Default no. The identity pool must
	// allow it too.
	AllowGuest bool

	// RoleARN asks for this role instead of the one that the identity pool chooses. It
	// must be one of the ID token's cognito:roles. It does not apply to guests.
	RoleARN string

	// LoginsKey is the identity pool's name of the user pool. Default the ID token's
	// issuer without its scheme, which is AWS's name:
	// "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123".
	LoginsKey string

	// Endpoint is an absolute URL that replaces the regional endpoint of the identity
	// pool API. It is for FIPS, VPC endpoints and emulators.
	Endpoint string

	// HTTPClient calls the identity pool. Default one like http.DefaultClient that keeps
	// 64 idle connections to a host. Every request has
	// a deadline of its own (5 s), so the client needs none.
	HTTPClient *http.Client

	// Now is the clock, also that of signatures. Default time.Now.
	Now func() time.Time

	// Logger gets a warning when an operation of the identity pool begins to fail, and an
	// info with the duration when it works again. Each has at most one such pair of lines a
	// minute. A refusal that is everybody's counts as a failure, such as that of an unknown
	// identity pool. No token, credential or attribute of a user is ever logged. Default
	// slog.Default().
	Logger *slog.Logger
}

// Pool exchanges ID tokens of a user pool for AWS credentials of an identity pool,
// and caches them. It may be used by many goroutines at once. Make it with
// [NewPool], once for the process.
type Pool struct {
	userPool tokens.UserPool
	opts     Options
	api      *ci.Client
	signer   *v4.Signer
	log      *callLog

	mu         sync.Mutex
	entries    recent.LRU[digest, *cacheEntry] // by user.claims
	identities recent.LRU[digest, string]      // identity ids by user.id
}

// NewPool returns the identity pool userPool.IdentityPoolID, for sessions of the user
// pool. It makes no request. The error lists all mistakes in userPool and opts, each as
// a [*tokens.ConfigError] of a field such as "UserPool.ID" or "Options.RoleARN".
func NewPool(userPool tokens.UserPool, opts *Options) (*Pool, error) {
	pool := &Pool{
		userPool:   userPool,
		signer:     v4.NewSigner(),
		entries:    recent.LRU[digest, *cacheEntry]{Max: maxCredentials},
		identities: recent.LRU[digest, string]{Max: maxIdentities},
	}
	if opts != nil {
		pool.opts = *opts
	}
	o := &pool.opts
	if err := validate(userPool, o); err != nil {
		return nil, fmt.Errorf("identity: NewPool: %w", err)
	}
	if o.HTTPClient == nil {
		o.HTTPClient = awscall.DefaultClient()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	pool.log = newCallLog(o)
	region, _, _ := strings.Cut(userPool.IdentityPoolID, ":")
	api := ci.Options{
		Region:      region,
		Credentials: aws.AnonymousCredentials{},
		HTTPClient:  awscall.NewHTTPClient(o.HTTPClient),
		Retryer:     aws.NopRetryer{}, // awscall repeats attempts
	}
	if o.Endpoint != "" {
		api.BaseEndpoint = aws.String(o.Endpoint)
	}
	pool.api = ci.New(api)
	return pool, nil
}

func validate(userPool tokens.UserPool, o *Options) error {
	var configErrors configerr.List
	configErrors.Join("UserPool", userPool.Validate())
	if userPool.IdentityPoolID == "" {
		configErrors.Add("UserPool.IdentityPoolID", `is required, like "eu-west-1:11111111-2222-4333-8444-555555555555"`)
	}
	if o.RoleARN != "" && !strings.HasPrefix(o.RoleARN, "arn:") {
		configErrors.Add("Options.RoleARN", "%q is not an ARN", o.RoleARN)
	}
	if strings.Contains(o.LoginsKey, "://") {
		configErrors.Add("Options.LoginsKey", "%q has a scheme; the name of a login has none", o.LoginsKey)
	}
	if u, err := url.Parse(o.Endpoint); o.Endpoint != "" &&
		(err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
		configErrors.Add("Options.Endpoint", "%q is not an absolute http(s) URL without query", o.Endpoint)
	}
	return configErrors.Err()
}

// Credentials returns AWS credentials for the session's user, or for a guest if s is
// nil. When ctx ends, Credentials returns; the call goes on, because others may be
// waiting for it.
//
// The errors answer three questions:
//
//   - session.ErrSignedOut: nobody is signed in, and guests are not allowed.
//   - tokens.ErrUnavailable: the identity pool is throttling or down, or the session
//     has no ID token now.
//   - *tokens.APIError without tokens.ErrUnavailable: the identity pool refuses, and
//     says why.
func (p *Pool) Credentials(ctx context.Context, s *session.Session) (Credentials, error) {
	u, err := p.user(s)
	if err != nil {
		return Credentials{}, err
	}
	creds, refusedToken, err := p.credentials(ctx, u)
	if refusedToken != "" && refusedToken != u.token {
		// The identity pool refused the token of another session of this user, which
		// may have expired on its way. Try this session's token.
		creds, _, err = p.credentials(ctx, u)
	}
	return creds, err
}

// user is the user whose credentials are asked for. The zero user is the guest.
type user struct {
	token, loginsKey string
	id               digest // of issuer and subject
	claims           digest // of what the credentials depend on
}

func (p *Pool) user(s *session.Session) (user, error) {
	if s == nil {
		if !p.opts.AllowGuest {
			return user{}, fmt.Errorf("identity: guests are not allowed: %w", session.ErrSignedOut)
		}
		return user{}, nil
	}
	idToken := s.IDToken()
	if idToken == nil {
		// It has expired while Cognito could not be asked for another. Or the browser
		// has lost it, and the next refresh brings it back.
		return user{}, fmt.Errorf("identity: the session has no ID token: %w", tokens.ErrUnavailable)
	}
	if !slices.Contains(p.userPool.IssuerURLs(), idToken.Issuer()) || idToken.ClientID() != p.userPool.ClientID {
		return user{}, fmt.Errorf("identity: the session is of another user pool or app client: %q, %q", idToken.Issuer(), idToken.ClientID())
	}
	claims, err := claimsDigest(idToken)
	if err != nil {
		return user{}, fmt.Errorf("identity: %w", err)
	}
	u := user{
		token:     idToken.Raw(),
		loginsKey: p.opts.LoginsKey,
		id:        hash([]byte(idToken.Issuer() + "\n" + idToken.Subject())),
		claims:    claims,
	}
	if u.loginsKey == "" {
		_, u.loginsKey, _ = strings.Cut(idToken.Issuer(), "://")
	}
	return u, nil
}

// logins are the user's tokens by the names of their providers.
func (u user) logins() map[string]string {
	if u.token == "" {
		return map[string]string{}
	}
	return map[string]string{u.loginsKey: u.token}
}

// credentials returns credentials from the cache, or waits for an exchange. After a
// refusal, refusedToken is the token that the identity pool refused.
func (p *Pool) credentials(ctx context.Context, u user) (_ Credentials, refusedToken string, _ error) {
	cached, running, err := p.cached(ctx, u)
	if running == nil {
		return cached, "", err
	}
	select {
	case <-running.done:
	case <-ctx.Done():
		return Credentials{}, "", fmt.Errorf("identity: %w", context.Cause(ctx))
	}
	switch {
	case running.err == nil:
		return running.creds, "", nil
	case cached.Expires.After(p.opts.Now()):
		return cached, "", nil
	case isRefusal(running.err):
		return Credentials{}, running.token, running.err
	}
	return Credentials{}, "", running.err
}
