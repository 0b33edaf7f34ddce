package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// newSite guards every page but /, and /admin for a group.
func newSite(auth *cognito.Auth) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", auth.Routes())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Welcome")
	})
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s sees user %q\n", auth.Session(r).User().Username, r.PathValue("id"))
	})
	mux.Handle("GET /admin", auth.RequireGroup("admins")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello, admin")
	})))
	return auth.Protect(mux)
}

var config = cognito.Config{
	Matcher: []string{"/((?!$).*)"},
	Origin:  "http://localhost:8080",
	Secret:  []byte(os.Getenv("COGNITOGATE_SECRET")),
}

func main() {
	// On AWS, set UserPool to the ID, ClientID and Domain of yours, and leave the rest out.
	server := cognitotest.New(cognitotest.User{Username: "ada", Password: "engine-1843", Groups: []string{"admins"}})
	server.SetURL("http://127.0.0.1:9229")
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:9229", server)) }()
	config.UserPool, config.HTTPClient = server.UserPool(), server.Client()

	auth, err := cognito.New(config)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(":8080", newSite(auth)))
}
