package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/labstack/echo/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// newSite guards every page but /, and /admin for a group.
func newSite(auth *cognito.Auth) http.Handler {
	e := echo.New()
	e.Any("/api/auth/*", echo.WrapHandler(auth.Routes()))
	e.GET("/", func(c *echo.Context) error {
		return c.String(http.StatusOK, "Welcome\n")
	})
	e.GET("/users/:id", func(c *echo.Context) error {
		user := auth.Session(c.Request()).User()
		return c.String(http.StatusOK, fmt.Sprintf("%s sees user %q\n", user.Username, c.Param("id")))
	})
	e.GET("/admin", func(c *echo.Context) error {
		return c.String(http.StatusOK, "Hello, admin\n")
	}, echo.WrapMiddleware(auth.RequireGroup("admins")))
	return auth.Protect(e)
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
