// Guarded is a program that serves one page through chi behind a guard.
package main

import (
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/middleware"
)

func main() {
	auth, err := middleware.New(middleware.Config{UserPool: middleware.UserPool{ID: "eu-west-1_Example", ClientID: "example"}})
	if err != nil {
		log.Fatal(err)
	}
	r := chi.NewRouter()
	r.Use(auth.Protect)
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	log.Fatal(http.ListenAndServe("localhost:8080", r))
}
