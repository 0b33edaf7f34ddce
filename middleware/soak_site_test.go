package middleware_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	soakCache         = 1 << 20 // so that sessions are evicted, too
	soakRefreshBefore = 2 * time.Minute
)

// soakSite is a site on a port, with Cognito on another.
type soakSite struct {
	*testing.T
	*soakCounts
	run     soakRun
	clock   *clock
	cognito *cognitotest.Server
	auth    *cognito.Auth
	amplify *tokens.Client // what browsers refresh with by themselves
	failing atomic.Bool

	site, pool               *httptest.Server
	toSite, hasty, toCognito *http.Transport
}

type soakCounts struct {
	requests, cancelled, own   atomic.Int64
	inside                     atomic.Int64 // requests that are being answered
	how                        map[string]*atomic.Int64
	unavailable                atomic.Int64
	failed, repliesLost        atomic.Int64 // refreshes, before and after the effect
	hung, timeouts             atomic.Int64 // refreshes
	wrong, lost, secretsLogged atomic.Int64
}

func newSoakSite(t *testing.T, run soakRun) *soakSite {
	w := &soakSite{
		T: t, run: run, clock: &clock{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}, cognito: cognitotest.New(),
		soakCounts: &soakCounts{how: map[string]*atomic.Int64{"call": new(atomic.Int64), "joined": new(atomic.Int64), "kept": new(atomic.Int64), "none": new(atomic.Int64)}},
		toSite:     &http.Transport{MaxIdleConnsPerHost: 1000},
		hasty:      &http.Transport{MaxIdleConnsPerHost: 1000},
		toCognito:  &http.Transport{MaxIdleConnsPerHost: 1000},
	}
	w.pool = httptest.NewUnstartedServer(w.cognito)
	w.pool.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	w.pool.Start()
	w.cognito.SetURL(w.pool.URL)
	w.cognito.SetNow(w.clock.Now)
	w.cognito.SetRotation(true, run.grace)
	w.cognito.SetRefreshLifetime(10 * 365 * 24 * time.Hour)
	w.cognito.SetFault(w.fault)
	options := &tokens.Options{HTTPClient: &http.Client{Transport: soakTransport{w.toCognito, w.soakCounts}}, Now: w.clock.Now}
	var err error
	if w.amplify, err = tokens.NewClient(w.cognito.UserPool(), options); err != nil {
		t.Fatal(err)
	}
	w.auth, err = cognito.New(cognito.Config{
		UserPool:      w.cognito.UserPool(),
		Matcher:       []string{"/((?!public|home|sign-).*)"},
		Cookies:       session.Cookies{Insecure: true},
		RefreshBefore: soakRefreshBefore,
		CacheBytes:    soakCache,
		HTTPClient:    options.HTTPClient,
		Now:           w.clock.Now,
		Logger:        slog.New(slog.NewTextHandler(soakLog{w.soakCounts}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ErrorHandler: func(rw http.ResponseWriter, r *http.Request, err error) {
			rw.Header().Set("Soak-Why", err.Error())
			w.auth.ServeError(rw, r, err)
		},
		Hooks: cognito.Hooks{Session: session.Hooks{Refreshed: func(_ context.Context, source session.RefreshSource, _ time.Duration, err error) {
			w.how[string(source)].Add(1)
			if err != nil {
				w.unavailable.Add(1)
			}
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	router := w.router()
	w.site = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.inside.Add(1)
		defer w.inside.Add(-1)
		router.ServeHTTP(rw, r)
	}))
	return w
}

// soakLog is a log that nobody reads but for secrets.
type soakLog struct{ *soakCounts }

func (l soakLog) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "eyJ") {
		l.secretsLogged.Add(1)
	}
	return len(line), nil
}

// soakTransport counts the refreshes that a deadline ends.
type soakTransport struct {
	http.RoundTripper
	*soakCounts
}

func (t soakTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if errors.Is(err, context.DeadlineExceeded) && strings.HasSuffix(r.Header.Get("X-Amz-Target"), opRefresh) {
		t.timeouts.Add(1)
	}
	return resp, err
}

// router answers with the name of whom it sees, or with a dash.
func (w *soakSite) router() http.Handler {
	see := func(rw http.ResponseWriter, r *http.Request) {
		if rand.N(4) == 0 { // a page that takes its time, and is overtaken by others
			select {
			case <-time.After(rand.N(20 * time.Millisecond)):
			case <-r.Context().Done():
			}
		}
		name := "-"
		if s, ok := session.FromContext(r.Context()); ok {
			name = s.User().Username
		}
		io.WriteString(rw, name)
	}
	router := chi.NewRouter()
	router.Use(w.auth.Protect)
	router.Get("/private", see)
	router.Head("/private", see)
	router.With(w.auth.Require).Get("/api/me", see) // a guard in a guard
	router.With(w.auth.RequireGroup("admins")).Get("/admin", see)
	router.With(w.auth.Load).Get("/home", see)
	router.Get("/public", see)
	router.Get("/fresh", func(rw http.ResponseWriter, r *http.Request) {
		s, err := w.auth.Sessions().Fetch(rw, r, &session.FetchOptions{ForceRefresh: true})
		if err != nil {
			w.auth.ServeError(rw, r, err)
			return
		}
		io.WriteString(rw, s.User().Username)
	})
	router.Get("/stream", func(rw http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(rw).Flush(); errors.Is(err, http.ErrNotSupported) { // else the browser has gone
			w.wrongf("flush: %v", err)
		}
		see(rw, r)
	})
	router.Post("/sign-in", func(rw http.ResponseWriter, r *http.Request) {
		s, err := w.auth.Sessions().Start(rw, r, w.cognito.Issue(r.URL.Query().Get("user")))
		switch {
		case errors.Is(err, tokens.ErrUnavailable):
			http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		case err != nil:
			w.wrongf("sign-in: %v", err)
		default:
			io.WriteString(rw, s.User().Username)
		}
	})
	router.Post("/sign-out", func(rw http.ResponseWriter, r *http.Request) {
		_ = w.auth.Sessions().End(rw, r) // an outage: signed out all the same
		io.WriteString(rw, "-")
	})
	return router
}

// fault has a quarter of all calls fail while a round lasts, in every way there is. A
// few hang, which takes real time.
func (w *soakSite) fault(op string) cognitotest.Fault {
	if !w.failing.Load() || rand.N(4) > 0 {
		return cognitotest.Fault{}
	}
	faults := []cognitotest.Fault{
		{Body: "<html>Bad gateway"},
		{Drop: true},
		// What Cognito itself says was before the effect.
		{Status: http.StatusInternalServerError},
		{Status: http.StatusTooManyRequests},
		{Status: http.StatusBadRequest, Code: "UserLambdaValidationException", Message: "PreTokenGeneration failed"},
	}
	f := faults[rand.N(len(faults))]
	f.Delay = rand.N(5 * time.Millisecond)
	if rand.N(200) == 0 {
		f.Delay = time.Hour
	}
	if w.run.after && rand.N(2) == 0 {
		f.Body, f.Drop, f.Status, f.Code, f.After = faults[0].Body, rand.N(2) == 0, 0, "", true
	}
	if op == opRefresh {
		if f.Delay == time.Hour {
			w.hung.Add(1)
		}
		if f.After {
			w.repliesLost.Add(1)
		} else {
			w.failed.Add(1)
		}
	}
	return f
}
