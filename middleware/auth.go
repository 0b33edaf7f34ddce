package middleware

import (
	"net/url"
	"sync/atomic"

	"github.com/cognitogate/cognitogate/matcher"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// Auth guards routes. Make one with [New]; it may be used by many goroutines at
// once.
type Auth struct {
	cfg        Config
	rules      []matcher.Rule   // of Matcher, then Rules
	matcher    *matcher.Matcher // of rules; nil protects every path
	inclusions *matcher.Matcher // for the paths of mounted routers; see setInclusions
	sessions   *session.Manager
	client     *tokens.Client
	verifier   *tokens.Verifier
	signIn     *url.URL
	signInTo   string          // SignIn up to the value of ReturnParam; "" without one
	signInHome string          // SignIn for a request that has no way back
	resources  []resource      // of Audience, those of Origin; empty without Bearer
	origins    []string        // Origin and ReturnOrigins, without doubles
	exempt     []string        // paths that Protect lets through, exactly as written, without BasePath
	routes     *routesSettings // nil if Routes do not sign users in

	redirectMarker, signInMarker string // names of cookies

	loopLogs  *loopLogs
	readiness *readiness
	watches   *atomic.Bool // see Watch
}

// Sessions returns the Manager of the sessions. Handlers begin or end sessions with
// it, or fetch them with options.
func (a *Auth) Sessions() *session.Manager { return a.sessions }
