package main

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	chimw "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/appsync"
	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// maxForm limits the size of a form. The largest has a note of a few hundred
// characters.
const maxForm = 16 << 10

// config has the application's settings, which userpool.go makes.
type config struct {
	UserPool   cognito.UserPool
	Origin     string // this site's URL in browsers
	Secret     []byte
	Layout     session.Layout
	Login      cognito.Login
	HTTPClient *http.Client     // for the user pool
	Now        func() time.Time // the user pool's clock
	Logger     *slog.Logger
	Demo       []cognitotest.User // the users who can sign in; nil on a real user pool
	Client     *clientConfig      // nil unless Amplify is served too
	AWS        awsConfig
	Debug      bool    // tell clients why they are refused
	Operator   string  // the URL of the operator's port, empty without one
	Outage     *outage // nil on a real user pool

	// Of several replicas only.
	Shared   session.Store     // what they share
	Replica  string            // this one's name
	Replicas []*replicaProcess // those of a front
}

func (c config) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// app is the application. Its handlers are methods.
type app struct {
	cfg        config
	auth       *cognito.Auth
	client     *cognito.Auth // guards with Amplify's sessions; nil without cfg.Client
	identities *identity.Pool
	data       *appsync.Client
	router     *chi.Mux
	operator   http.Handler // of the operator's port
	metrics    *metrics
	nav        []link
	notes      guestbook
	gallery    gallery
	calls      callCounts
	assets     assets
}

func newApp(cfg config) (*app, error) {
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	a := &app{cfg: cfg, assets: loadAssets(), metrics: metrics}
	if err := a.newAuth(); err != nil {
		return nil, err
	}
	if cfg.Client != nil {
		if err := a.newClientAuth(); err != nil {
			return nil, err
		}
	}
	if err := a.newServiceClients(); err != nil {
		return nil, err
	}
	a.route()
	a.routeOperator()
	return a, nil
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// routesPath is the path below which users sign in and out. It is that of Amplify's
// documentation.
const routesPath = "/api/auth"

// privatePaths is the Matcher's pattern: every path needs a session, except for those
// that it leaves out. A page that nobody has thought of is private. It is the pattern of
// Amplify's guide for Next.js. What it leaves out:
//
//	api             paths that begin like it, /apis too: the sign-in routes, and the API,
//	                which Require guards
//	static/         style sheets, scripts, and the icon
//	favicon\.ico$   what browsers ask for unasked
//	healthz$        the health check of a load balancer
//	call$ gallery$  two public pages: the $ keeps /calls private
//	amplify         pages with a guard of their own; see client.go
//	$               the home page
//
//show:matcher
const privatePaths = `/((?!api|static/|favicon\.ico$|healthz$|call$|gallery$|amplify|$).*)`

//end:matcher

// newAuth makes the Auth that guards the routes.
//
// With Origin, users sign in on the server, through auth.Routes. No script needs
// their tokens then, so their cookies are HttpOnly.
func (a *app) newAuth() error {
	hooks, err := a.metrics.wrap("site", a.hooks())
	if err != nil {
		return err
	}
	//show:auth
	a.auth, err = cognito.New(cognito.Config{
		UserPool:     a.cfg.UserPool,
		Matcher:      []string{privatePaths},
		Origin:       a.cfg.Origin,
		RoutesPath:   routesPath,
		Secret:       a.cfg.Secret,
		Layout:       a.cfg.Layout, // docs/layouts.md says which to choose
		Shared:       a.cfg.Shared, // nil in a single process, but for session.LayoutHandle
		Login:        a.cfg.Login,
		AfterSignIn:  "/dashboard",
		ErrorHandler: a.serveError,
		ReasonHeader: a.cfg.Debug, // never in production
		HTTPClient:   a.cfg.HTTPClient,
		Now:          a.cfg.Now,
		Logger:       a.cfg.Logger,
		Hooks:        hooks,
	})
	//end:auth
	if err != nil {
		return err
	}
	return a.metrics.observe("site", a.auth)
}

// route makes the router and its guards. auth.Protect guards every path but those that
// the Matcher leaves out. auth.Require and auth.RequireGroup guard a route whatever the
// Matcher says: put them on what must never be public. auth.Load guards nothing: it only
// finds the session.
//
// -routes prints which routes are public. TestPublicRoutes names each of them.
func (a *app) route() {
	// Forms of other sites are refused, because they come with our users' cookies
	// (CSRF).
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(a.serveCrossOrigin))

	//show:routes
	r := chi.NewRouter()
	r.Use(a.watch, a.traceRequests, a.securityHeaders, crossOrigin.Handler, chimw.GetHead)
	r.Use(a.auth.Protect) // outside of the routes, so that it guards those of tomorrow too

	r.Get("/dashboard", a.dashboard)
	r.Post("/dashboard/notes", a.addNote)
	//end:routes

	//show:login
	r.Mount("/api/auth", a.auth.Routes())
	//end:login

	//show:admin
	r.With(a.auth.RequireGroup("admins")).Get("/admin", a.admin)
	//end:admin

	//show:api
	// The Matcher leaves out what begins with /api, so Protect does not guard this.
	r.With(a.auth.Require).Get("/apis/get-current-user", a.currentUser)
	//end:api

	//show:load
	public := r.With(a.auth.Load)
	public.Get("/", a.home)
	//end:load
	public.Get("/call", a.call)

	private := r.With(a.auth.Require)
	private.Get("/profile", a.profile)
	a.nav = []link{{"dashboard", "/dashboard", "Dashboard"}, {"profile", "/profile", "Profile"},
		{"admin", "/admin", "Admin"}, {"call", "/call", "API"}}
	if a.data != nil {
		private.Get("/graphql", a.graphQL)
		a.nav = append(a.nav, link{"graphql", "/graphql", "GraphQL"})
	}
	if a.identities != nil {
		public.Get("/gallery", a.showGallery)
		a.nav = append(a.nav, link{"gallery", "/gallery", "Gallery"})
	}
	if a.cfg.Replica != "" {
		private.Get("/replicas", a.replicasPage)
		private.Get("/apis/replica", a.replicaAPI)
		a.nav = append(a.nav, link{"replicas", "/replicas", "Replicas"})
	}
	if a.client != nil {
		r.Route("/amplify", a.routeClient)
		a.nav = append(a.nav, link{"amplify", "/amplify/", "Amplify"})
	}

	r.Get("/static/{name}", a.assets.serve)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	r.NotFound(a.auth.Load(http.HandlerFunc(a.serveNotFound)).ServeHTTP)
	a.router = r
}

// securityHeaders sets the headers of every response.
func (a *app) securityHeaders(next http.Handler) http.Handler {
	// The sign-out form redirects to the managed login, which ends its own session.
	// Browsers apply form-action to that redirect too.
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self' " + a.cfg.UserPool.LoginURL() + "; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		// A public page differs for signed-in users. Where there is a session, the
		// guards replace this header by "private, no-store".
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
