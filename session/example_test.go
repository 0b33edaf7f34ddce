package session_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// A handler that decides for itself asks the Manager. The two errors want two
// answers.
func ExampleManager_Fetch() {
	pool := cognitotest.New(cognitotest.User{Username: "ada"})
	sessions, err := session.NewManager(session.Config{UserPool: pool.UserPool(), HTTPClient: pool.Client()})
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

	pool.SignIn(r, "ada")
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
	pool := cognitotest.New(cognitotest.User{Username: "ada"})
	sessions, err := session.NewManager(session.Config{UserPool: pool.UserPool(), HTTPClient: pool.Client()})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	s, err := sessions.Start(w, httptest.NewRequest("POST", "/sign-in", nil), pool.Issue("ada"))
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
	fmt.Println(pool.Calls("RevokeToken"), "revocation")
	// Output:
	// ada 4 cookies
	// 1 revocation
}

func ExampleManager_UserAttributes() {
	pool := cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com"}})
	sessions, err := session.NewManager(session.Config{UserPool: pool.UserPool(), HTTPClient: pool.Client()})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/profile", nil)
	pool.SignIn(r, "ada")
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
