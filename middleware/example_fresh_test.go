package middleware_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// The administrators' routes do not wait until the access token expires.
func ExampleAuth_Fresh() {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
	now := time.Now()
	server.SetNow(func() time.Time { return now })
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.With(auth.RequireGroup("admins")).Get("/reports", func(http.ResponseWriter, *http.Request) {})
	router.With(auth.Fresh(30*time.Second), auth.RequireGroup("admins")).Delete("/users/{id}", func(http.ResponseWriter, *http.Request) {})

	ada := httptest.NewRequest("GET", "/reports", nil)
	server.SignIn(ada, "ada")
	server.SetUser(cognitotest.User{Username: "ada"}) // in no group any more
	now = now.Add(time.Minute)
	for _, route := range []string{"GET /reports", "DELETE /users/7"} {
		var method, path string
		fmt.Sscan(route, &method, &path)
		r := httptest.NewRequest(method, path, nil)
		r.Header = ada.Header
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		fmt.Println(route, w.Code)
	}
	// Output:
	// GET /reports 200
	// DELETE /users/7 403
}

// A script learns that the user has to sign in again.
func ExampleAuth_RequireRecent() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	now := time.Now()
	server.SetNow(func() time.Time { return now })
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.With(auth.RequireRecent(5*time.Minute)).Post("/account/email", func(http.ResponseWriter, *http.Request) {})

	r := httptest.NewRequest("POST", "/account/email", nil)
	server.SignIn(r, "ada")
	now = now.Add(10 * time.Minute)
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 Bearer error="insufficient_user_authentication", error_description="A more recent authentication is required", max_age="300"
}

// Customers and the staff, of two app clients, see one route.
func ExampleAnyOf() {
	server := cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "grace"})
	newAuth := func(server *cognitotest.Server) *cognito.Auth {
		auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
		if err != nil {
			log.Fatal(err)
		}
		return auth
	}
	staffServer := server.AddClient("2staff", "")
	customers, staff := newAuth(server), newAuth(staffServer)
	router := chi.NewRouter()
	router.With(cognito.AnyOf(customers, staff)).Get("/orders/{id}", func(_ http.ResponseWriter, r *http.Request) {
		if s := staff.Session(r); s != nil {
			fmt.Println("staff:", s.User().Username)
			return
		}
		fmt.Println("customer:", customers.Session(r).User().Username)
	})

	grace, ada := httptest.NewRequest("GET", "/orders/7", nil), httptest.NewRequest("GET", "/orders/7", nil)
	staffServer.SignIn(grace, "grace")
	server.SignIn(ada, "ada")
	for _, r := range []*http.Request{grace, ada} {
		router.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// staff: grace
	// customer: ada
}
