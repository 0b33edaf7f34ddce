package session_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// A handler that decides for itself asks the Manager. The two errors want two
// answers.
func ExampleManager_Fetch() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	greet := func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.Fetch(w, r, nil)
		switch {
		case errors.Is(err, session.ErrSignedOut):
			fmt.Fprint(w, "Hello, stranger")
		case errors.Is(err, tokens.ErrUnavailable):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, "Hello, ", s.User().Username)
		}
	}

	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	greet(w, r)
	fmt.Println(w.Body)

	server.SignIn(r, "ada")
	w = httptest.NewRecorder()
	greet(w, r)
	fmt.Println(w.Body)
	// Output:
	// Hello, stranger
	// Hello, ada
}

// A sign-in of one's own begins the session with the tokens that Cognito has issued,
// and a sign-out ends it.
func ExampleManager_Start() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	s, err := sessions.Start(w, httptest.NewRequest("POST", "/sign-in", nil), server.Issue("ada"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.User().Username, len(w.Result().Cookies()), "cookies")

	r := httptest.NewRequest("POST", "/sign-out", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	if err := sessions.End(httptest.NewRecorder(), r); err != nil {
		log.Fatal(err)
	}
	fmt.Println(server.Calls("RevokeToken"), "revocation")
	// Output:
	// ada 4 cookies
	// 1 revocation
}

func ExampleManager_UserAttributes() {
	server := cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com"}})
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/profile", nil)
	server.SignIn(r, "ada")
	s, err := sessions.Fetch(nil, r, nil)
	if err != nil {
		log.Fatal(err)
	}
	attributes, err := sessions.UserAttributes(r.Context(), s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(attributes["email"])
	// Output: ada@example.com
}

// A sign-out clears the cookies whatever Cognito answers.
func ExampleManager_End() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: http.StatusServiceUnavailable} })

	r := httptest.NewRequest("POST", "/sign-out", nil)
	server.SignIn(r, "ada")
	w := httptest.NewRecorder()
	err = sessions.End(w, r)
	fmt.Println("not revoked:", errors.Is(err, tokens.ErrUnavailable))
	fmt.Println("signed out:", strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0"))
	// Output:
	// not revoked: true
	// signed out: true
}

// An administrator signs a user out everywhere, by the ID that tokens name the user by.
func ExampleManager_EndUser() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	server.SignIn(r, "ada")
	s, err := sessions.Fetch(httptest.NewRecorder(), r, nil)
	fmt.Println(s.User().Username, err)

	if err := sessions.EndUser(r.Context(), s.User().ID); err != nil {
		log.Fatal(err)
	}
	_, err = sessions.Fetch(httptest.NewRecorder(), r, nil)
	fmt.Println("signed out:", errors.Is(err, session.ErrSignedOut))
	// Output:
	// ada <nil>
	// signed out: true
}

// A handler behind a guard of package middleware finds the session in the context.
func ExampleFromContext() {
	hello := func(w http.ResponseWriter, r *http.Request) {
		s, ok := session.FromContext(r.Context())
		fmt.Println(ok, s.User().Username == "", s.InGroup("admins"))
	}
	hello(nil, httptest.NewRequest("GET", "/", nil))
	// Output: false true false
}

// A test, or a guard of one's own, puts a session where handlers look for it.
func ExampleNewContext() {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	server.SignIn(r, "ada")
	s, err := sessions.Fetch(nil, r, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := session.NewContext(r.Context(), s)

	found, ok := session.FromContext(ctx)
	fmt.Println(ok, found.User().Username, found.InGroup("admins", "staff"))
	// Output: true ada true
}

// A handler calls another service in the name of its user. No request carries the
// token to a host that is not listed.
func ExampleTransport() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	orders := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		fmt.Println("the service got a token:", strings.Count(token, ".") == 2)
	}))
	defer orders.Close()
	client := &http.Client{Transport: &session.Transport{Hosts: []string{"127.0.0.1"}}}

	r := httptest.NewRequest("GET", "/", nil)
	server.SignIn(r, "ada")
	s, err := sessions.Fetch(nil, r, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := session.NewContext(r.Context(), s) // as a guard does
	for _, url := range []string{orders.URL, "https://other.example/"} {
		req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			log.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			continue
		}
		resp.Body.Close()
	}
	// Output:
	// the service got a token: true
	// Get "https://other.example/": session: Transport: "other.example" is not one of Hosts
}
