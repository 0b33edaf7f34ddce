package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// A program ends at its start if its configuration is wrong, and starts during an outage
// of Cognito. Its readiness probe asks again.
func ExampleAuth_Ready() {
	server := cognitotest.New()
	userPool := server.UserPool()
	userPool.ClientID = "1mistyped"
	auth, err := cognito.New(cognito.Config{UserPool: userPool, HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	err = auth.Ready(ctx)
	if mistake, ok := errors.AsType[*cognito.ConfigError](err); ok {
		fmt.Println("wrong:", mistake.Field)
	} else if errors.Is(err, tokens.ErrUnavailable) {
		fmt.Println("Cognito cannot be reached yet")
	}

	http.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := auth.Ready(r.Context()); err != nil {
			log.Print(err)
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	// Output:
	// wrong: UserPool.ClientID
}

// An access log stands outside the guards, so that it sees refused requests too.
func ExampleAuth_Watch() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	accessLog := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				outcome := cognito.Watched(r)
				fmt.Println(r.Method, r.URL.Path, outcome.Decision, outcome.Subject != "")
			}()
			next.ServeHTTP(w, r)
		})
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})
	handler := auth.Watch(accessLog(auth.Protect(page)))

	r := httptest.NewRequest("GET", "/dashboard", nil)
	handler.ServeHTTP(httptest.NewRecorder(), r)
	server.SignIn(r, "ada")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// GET /dashboard redirected false
	// GET /dashboard passed true
}
