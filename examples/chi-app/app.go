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
)

// maxForm bounds what a form may send; the largest is a note of a few hundred
// characters.
const maxForm = 16 << 10

// config is what the application needs from outside; see pool.go.
type config struct {
	UserPool   cognito.UserPool
	Origin     string // where browsers find this site
	Secret     []byte
	Login      cognito.Login
	HTTPClient *http.Client     // reaches the pool
	Now        func() time.Time // the pool's clock
	Logger     *slog.Logger
	Demo       []cognitotest.User // who may sign in; nil on a real pool
	Client     *clientConfig      // nil unless Amplify is served too
	AWS        awsConfig
}

func (c config) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// app is the application: handlers are its methods.
type app struct {
	cfg        config
	auth       *cognito.Auth
	client     *cognito.Auth // of Amplify's sessions; nil without cfg.Client
	identities *identity.Pool
	data       *appsync.Client
	router     *chi.Mux
	nav        []link
	notes      guestbook
	gallery    gallery
	tally      tally
	assets     assets
}

func newApp(cfg config) (*app, error) {
	a := &app{cfg: cfg, assets: loadAssets()}
	if err := a.guard(); err != nil {
		return nil, err
	}
	if cfg.Client != nil {
		if err := a.guardClient(); err != nil {
			return nil, err
		}
	}
	if err := a.connect(); err != nil {
		return nil, err
	}
	a.route()
	return a, nil
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// routesPath is where users sign in and out, as in Amplify's documentation.
const routesPath = "/api/auth"

// guard makes the Auth that guards the routes.
//
// The Matcher names what is private, because most pages here are public: home,
// style sheets, health check. An application whose every page is private says it
// the other way round, as in Next.js, and lists what is public:
//
//	"/((?!api|_next/static|_next/image|favicon.ico).*)"
//
// Origin says that users sign in through auth.Routes, on the server. No script
// needs their tokens then, and their cookies are HttpOnly.
func (a *app) guard() (err error) {
	//show:auth
	a.auth, err = cognito.New(cognito.Config{
		UserPool:     a.cfg.UserPool,
		Matcher:      []string{"/dashboard/:path*"}, // /dashboard too
		Origin:       a.cfg.Origin,
		RoutesPath:   routesPath,
		Secret:       a.cfg.Secret,
		Login:        a.cfg.Login,
		AfterSignIn:  "/dashboard",
		ErrorHandler: a.serveError,
		HTTPClient:   a.cfg.HTTPClient,
		Now:          a.cfg.Now,
		Logger:       a.cfg.Logger,
		Hooks:        a.hooks(),
	})
	//end:auth
	return err
}

// route says who may see what. auth.Protect guards what the Matcher names;
// auth.Require and auth.RequireGroup guard a route whatever the Matcher says;
// auth.Load guards nothing and only tells who is there.
func (a *app) route() {
	// Other sites may not send our forms with our users' cookies (CSRF).
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(a.crossOrigin))

	//show:routes
	r := chi.NewRouter()
	r.Use(a.observe, a.secure, crossOrigin.Handler, chimw.GetHead)
	r.Use(a.auth.Protect)

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
	r.With(a.auth.Require).Get("/apis/get-current-user", a.currentUser)
	//end:api

	//show:load
	public := r.With(a.auth.Load)
	public.Get("/", a.home)
	//end:load
	public.Get("/call", a.call)

	user := r.With(a.auth.Require)
	user.Get("/profile", a.profile)
	a.nav = []link{{"dashboard", "/dashboard", "Dashboard"}, {"profile", "/profile", "Profile"},
		{"admin", "/admin", "Admin"}, {"call", "/call", "API"}}
	if a.data != nil {
		user.Get("/graphql", a.graphQL)
		a.nav = append(a.nav, link{"graphql", "/graphql", "GraphQL"})
	}
	if a.identities != nil {
		public.Get("/gallery", a.showGallery)
		a.nav = append(a.nav, link{"gallery", "/gallery", "Gallery"})
	}
	if a.client != nil {
		r.Route("/amplify", a.routeClient)
		a.nav = append(a.nav, link{"amplify", "/amplify/", "Amplify"})
	}

	r.Get("/static/{name}", a.assets.serve)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	r.NotFound(a.auth.Load(http.HandlerFunc(a.notFound)).ServeHTTP)
	a.router = r
}

// secure sets what every answer carries.
func (a *app) secure(next http.Handler) http.Handler {
	// The form that signs out leads on to the managed login, which ends its own
	// session, and browsers ask form-action about that redirect too.
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self' " + a.cfg.UserPool.LoginURL() + "; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		// A public page looks different once somebody is signed in. The guards
		// replace this by "private, no-store" wherever there is a session.
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
