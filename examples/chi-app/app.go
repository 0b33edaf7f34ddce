package main

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/go-chi/chi/v5"
	chimw "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// config is what the application needs from outside. With a pool on AWS,
// UserPool is all of it.
type config struct {
	UserPool   cognito.UserPool
	HTTPClient *http.Client     // reaches the pool
	Now        func() time.Time // the pool's clock
	Logger     *slog.Logger
	Demo       []cognitotest.User // whom the sign-in page suggests
}

func (c config) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// app is the application: handlers are its methods.
type app struct {
	cfg    config
	auth   *cognito.Auth
	pool   *cip.Client // for sign-ins; see signin.go
	notes  guestbook
	tally  tally
	assets assets
	guards []cognito.RouteGuard // for the admin page
}

// newApp returns the application's handler.
func newApp(cfg config) (http.Handler, error) {
	a := &app{cfg: cfg, pool: newPoolClient(cfg), assets: loadAssets()}
	if err := a.guard(); err != nil {
		return nil, err
	}
	return a.routes(), nil
}

// guard makes the Auth that guards the routes.
//
// The Matcher names what is private, because most pages here are public: home,
// sign-in, style sheets, health check. An application whose every page is private
// says it the other way round, as in Next.js, and lists what is public:
//
//	"/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"
//
// Cookies are left at their zero value, those of Amplify's browser client. They
// are Secure; browsers take http://localhost for secure enough (Safari may not:
// then set Cookies.Insecure, and only there). An application in which no script
// needs the tokens, because Amplify never runs in the browser, adds
// Cookies.HTTPOnly.
func (a *app) guard() (err error) {
	//show:auth
	a.auth, err = cognito.New(cognito.Config{
		UserPool:     a.cfg.UserPool,
		Matcher:      []string{"/dashboard/:path*"}, // /dashboard too
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

// routes says who may see what. auth.Protect guards what the Matcher names;
// auth.Require and auth.RequireGroup guard a route whatever the Matcher says;
// auth.Load guards nothing and only tells who is there.
func (a *app) routes() http.Handler {
	// Other sites may not send our forms with our users' cookies (CSRF).
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(a.crossOrigin))

	//show:routes
	r := chi.NewRouter()
	r.Use(a.observe, secure, crossOrigin.Handler, chimw.GetHead)
	r.Use(a.auth.Protect)

	r.Get("/dashboard", a.dashboard)
	r.Post("/dashboard/notes", a.addNote)
	//end:routes

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
	public.Get("/sign-in", a.signInPage)

	r.Post("/sign-in", a.signIn)
	r.Post("/sign-out", a.signOut)

	r.Get("/static/{name}", a.assets.serve)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	r.NotFound(a.auth.Load(http.HandlerFunc(a.notFound)).ServeHTTP)

	//show:audit
	a.guards = a.auth.Audit(r)
	//end:audit
	return r
}

// secure sets what every answer carries.
func secure(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
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
