package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// clientConfig has the settings of Amplify in the browser; see
// examples/amplify-client.
type clientConfig struct {
	Script   string           // the built client.js
	UserPool cognito.UserPool // with the browser's app client, which has no secret
}

// clientScript finds the built client.js in a directory.
func clientScript(dir string) (string, error) {
	script := filepath.Join(dir, "client.js")
	if _, err := os.Stat(script); err != nil {
		return "", fmt.Errorf("-client %s: it has no client.js: build it, with npm ci and npm run build in examples/amplify-client, and give its directory dist", dir)
	}
	return script, nil
}

// newClientAuth makes the Auth for sessions that Amplify starts in the browser. They
// need an Auth of their own: their cookies have another app client's name, and are
// not HttpOnly.
func (a *app) newClientAuth() error {
	hooks, err := a.metrics.wrap("amplify", a.hooks())
	if err != nil {
		return err
	}
	//show:client
	a.client, err = cognito.New(cognito.Config{
		UserPool:     a.cfg.Client.UserPool,
		SignIn:       "/amplify/",
		Secret:       a.cfg.Secret, // for Shared
		Shared:       a.cfg.Shared,
		ReasonHeader: a.cfg.Debug,
		HTTPClient:   a.cfg.HTTPClient,
		Now:          a.cfg.Now,
		Logger:       a.cfg.Logger,
		Hooks:        hooks,
	})
	//end:client
	if err != nil {
		return err
	}
	return a.metrics.observe("amplify", a.client)
}

func (a *app) routeClient(r chi.Router) {
	r.Use(a.clientPolicy)
	r.Get("/", a.clientPage)
	r.Get("/client.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, a.cfg.Client.Script) })
	//show:client-routes
	r.With(a.client.Require).Get("/api/current-user", a.clientUser)
	r.Post("/api/sign-out", a.clientSignOut)
	//end:client-routes
}

// clientPolicy allows the page's script to call the user pool.
func (a *app) clientPolicy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		policy := w.Header().Get("Content-Security-Policy")
		w.Header().Set("Content-Security-Policy", strings.Replace(policy, "connect-src 'self'", "connect-src 'self' "+a.cfg.Client.UserPool.Endpoint, 1))
		next.ServeHTTP(w, r)
	})
}

func (a *app) clientPage(w http.ResponseWriter, r *http.Request) {
	a.render(w, r, http.StatusOK, "amplify", "Amplify", a.cfg.Client.UserPool)
}

//show:client-user
func (a *app) clientUser(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"username": s.User().Username, "expires": s.ExpiresAt(), "refreshed": traceOf(r.Context()).Refreshed(),
	})
}

//end:client-user

//show:client-sign-out
func (a *app) clientSignOut(w http.ResponseWriter, r *http.Request) {
	if err := a.client.Sessions().End(w, r); err != nil {
		a.cfg.Logger.WarnContext(r.Context(), "the refresh token is not revoked", "error", err)
	}
	w.WriteHeader(http.StatusNoContent)
}

//end:client-sign-out
