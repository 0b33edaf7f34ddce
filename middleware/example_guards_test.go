package middleware_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// Protect guards every path that the pattern does not leave out: also /reports, which no
// line of the program mentions. With net/http alone, wrap the whole ServeMux.
func ExampleAuth_Protect() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Matcher:    []string{"/((?!sign-in|about$|$).*)"}, // with $, this path alone
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "the page ", r.URL.Path)
	})
	handler := auth.Protect(mux)

	for _, path := range []string{"/", "/about", "/about-us", "/reports"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Printf("%s: %d %q\n", path, w.Code, w.Header().Get("Location"))
	}
	r := httptest.NewRequest("GET", "/reports", nil)
	server.SignIn(r, "ada")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// /: 200 ""
	// /about: 200 ""
	// /about-us: 307 "/sign-in?next=%2Fabout-us"
	// /reports: 307 "/sign-in?next=%2Freports"
	// 200 the page /reports
}

// Require guards a route whatever the Matcher says. Here the pattern leaves out /api, as
// that of Amplify's guide does. A script gets 401 instead of a redirect.
func ExampleAuth_Require() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Matcher:    []string{"/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"},
	})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.With(auth.Require).Get("/api/current-user", func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		fmt.Fprintf(w, "%q", s.User().Username)
	})

	r := httptest.NewRequest("GET", "/api/current-user", nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))

	server.SignIn(r, "ada")
	w = httptest.NewRecorder()
	router.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 401 application/problem+json
	// 200 "ada"
}

// A public page greets its user.
func ExampleAuth_Load() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	home := auth.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s, ok := session.FromContext(r.Context()); ok {
			fmt.Fprint(w, "Hello, ", s.User().Username)
			return
		}
		fmt.Fprint(w, "Welcome")
	}))

	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	home.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)

	server.SignIn(r, "ada")
	w = httptest.NewRecorder()
	home.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 200 Welcome
	// 200 Hello, ada
}

// An API for programs takes the access token as a bearer token, and asks for a scope.
func ExampleAuth_RequireScope() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Bearer: true})
	if err != nil {
		log.Fatal(err)
	}
	orders := auth.RequireScope("shop/orders.read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "the orders")
	}))

	call := func(scopes string) {
		token := server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["scope"] = scopes }).Access
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		orders.ServeHTTP(w, r)
		fmt.Printf("%s: %d %q\n", scopes, w.Code, w.Header().Get("WWW-Authenticate"))
	}
	call("openid shop/orders.read")
	call("openid")
	// Output:
	// openid shop/orders.read: 200 ""
	// openid: 403 "Bearer error=\"insufficient_scope\", error_description=\"The access token lacks a scope\", scope=\"shop/orders.read\""
}

// A rule of one's own decides by verified claims: here by the domain of an address.
func ExampleAuth_RequireFunc() {
	server := cognitotest.New(
		cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com", "email_verified": "true"}},
		cognitotest.User{Username: "mary", Attributes: map[string]string{"email": "mary@example.net", "email_verified": "true"}},
	)
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	staff := auth.RequireFunc(func(r *http.Request, s *session.Session) bool {
		var claims struct {
			Email    string `json:"email"`
			Verified bool   `json:"email_verified"`
		}
		token := s.IDToken() // nil if the session has none
		if token == nil || token.Claims(&claims) != nil {
			return false
		}
		return claims.Verified && strings.HasSuffix(claims.Email, "@example.com")
	})
	page := staff(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))

	for _, user := range []string{"ada", "mary"} {
		r := httptest.NewRequest("GET", "/staff", nil)
		server.SignIn(r, user)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		fmt.Println(user, w.Code)
	}
	// Output:
	// ada 200
	// mary 403
}
