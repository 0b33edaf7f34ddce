package middleware_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// A whole program: every path is protected except those that the pattern excludes, and
// /admin is for admins. This test has the UserPool and the HTTPClient of a cognitotest
// server; a program needs its UserPool only.
func Example() {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}}, cognitotest.User{Username: "grace"})

	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Matcher:    []string{"/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"},
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "Hello, ", s.User().Username)
	}
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.Get("/", hello)
	router.With(auth.RequireGroup("admins")).Get("/admin", hello)

	visit := func(user, path string) {
		r := httptest.NewRequest("GET", path, nil)
		if user != "" {
			server.SignIn(r, user)
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.TrimSpace(w.Header().Get("Location")+" "+w.Body.String()))
	}
	visit("", "/")
	visit("grace", "/")
	visit("grace", "/admin")
	visit("ada", "/admin")
	// Output:
	// 307 /sign-in?next=%2F
	// 200 Hello, grace
	// 403 Forbidden
	// 200 Hello, ada
}

func ExampleAuth_RequireGroup() {
	server := cognitotest.New(cognitotest.User{Username: "grace", Groups: []string{"editors"}})
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	edit := auth.RequireGroup("editors", "admins")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "the draft")
	}))

	r := httptest.NewRequest("GET", "/draft", nil)
	server.SignIn(r, "grace")
	w := httptest.NewRecorder()
	edit.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 200 the draft
}

// A sign-in page of your own sends its users back to where they wanted to go.
func ExampleAuth_ReturnTo() {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(auth.ReturnTo(httptest.NewRequest("GET", "/sign-in?next=/reports?year=2026", nil)))
	fmt.Println(auth.ReturnTo(httptest.NewRequest("GET", "/sign-in?next=//evil.example", nil)))
	// Output:
	// /reports?year=2026
	// /
}

// With Origin, users sign in on the server, through Cognito's managed login. Here
// the emulator's Authorize stands for the user at the login page.
func ExampleAuth_Routes() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Origin:     "https://app.example.com",
		Secret:     []byte("32 random bytes, the same for all"),
	})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.Mount("/api/auth", auth.Routes())
	router.Get("/reports", func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "the reports of ", s.User().Username)
	})

	jar := map[string]*http.Cookie{}
	visit := func(target string) *http.Response {
		r := httptest.NewRequest("GET", strings.TrimPrefix(target, "https://app.example.com"), nil)
		r.Host = "app.example.com"
		for _, c := range jar {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			jar[c.Name] = c
		}
		return w.Result()
	}
	signIn := visit("/reports").Header.Get("Location")
	fmt.Println(signIn)
	login := visit(signIn).Header.Get("Location")
	callback, err := server.Authorize(login, "ada")
	if err != nil {
		log.Fatal(err)
	}
	back := visit(callback).Header.Get("Location")
	fmt.Println(back)
	body, err := io.ReadAll(visit(back).Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", body)
	// Output:
	// /api/auth/sign-in?next=%2Freports
	// /reports
	// the reports of ada
}

// A reverse proxy behind a guard gets the request with all of its cookies. The upstream
// needs no tokens: a header tells it who the user is. Set replaces one that the client
// has sent.
func ExampleAuth_StripCookies() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Bearer: true})
	if err != nil {
		log.Fatal(err)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user %s, cookies %q, authorization %q", r.Header.Get("X-User"), r.Header.Get("Cookie"), r.Header.Get("Authorization"))
	}))
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
		pr.SetURL(target)
		pr.Out = auth.StripCookies(pr.Out, "Authorization")
		pr.Out.Header.Set("X-User", auth.Session(pr.In).User().Username)
	}}

	visit := func(r *http.Request) {
		r.Header.Set("X-User", "mallory")
		r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
		w := httptest.NewRecorder()
		auth.Protect(proxy).ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	r := httptest.NewRequest("GET", "/reports", nil)
	server.SignIn(r, "ada")
	visit(r)
	r = httptest.NewRequest("GET", "/reports", nil)
	r.Header.Set("Authorization", "Bearer "+server.Issue("ada").Access)
	visit(r)
	// Output:
	// 200 user ada, cookies "theme=dark", authorization ""
	// 200 user ada, cookies "theme=dark", authorization ""
}
