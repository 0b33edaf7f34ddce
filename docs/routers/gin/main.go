package main

import (
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// newSite guards every page but /, and /admin for a group.
func newSite(auth *cognito.Auth) http.Handler {
	engine := gin.New()
	engine.Any("/api/auth/*route", gin.WrapH(auth.Routes()))
	engine.GET("/", func(c *gin.Context) {
		c.String(http.StatusOK, "Welcome\n")
	})
	engine.GET("/users/:id", func(c *gin.Context) {
		user := auth.Session(c.Request).User()
		c.String(http.StatusOK, "%s sees user %q\n", user.Username, c.Param("id"))
	})
	engine.GET("/admin", requireGroup(auth, "admins"), func(c *gin.Context) {
		c.String(http.StatusOK, "Hello, admin\n")
	})
	return auth.Protect(engine)
}

// requireGroup guards a route behind auth.Protect. If Protect lets the path through, there
// is no session, and nobody passes.
func requireGroup(auth *cognito.Auth, anyOf ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !auth.Session(c.Request).InGroup(anyOf...) {
			auth.ServeError(c.Writer, c.Request, cognito.ErrForbidden)
			c.Abort()
		}
	}
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
