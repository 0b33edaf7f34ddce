package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/docs/routers/routertest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

func TestSite(t *testing.T) {
	routertest.Drive(t, config, newSite, "ada sees user \"a%2Fb\"\n")
}

// TestHandlerFails has echo answer an error when the guard has returned. The answer still
// has the refreshed cookies.
func TestHandlerFails(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.GET("/orders", func(*echo.Context) error {
		return echo.NewHTTPError(http.StatusTeapot, "no coffee")
	}, echo.WrapMiddleware(auth.Require))
	r := httptest.NewRequest("GET", "/orders", nil)
	server.SignIn(r, "ada", cognitotest.Expired)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if n, cc := len(w.Result().Cookies()), w.Header().Get("Cache-Control"); w.Code != http.StatusTeapot || n != 3 || cc != "private, no-store" {
		t.Errorf("status %d, %d cookies, Cache-Control %q", w.Code, n, cc)
	}
}
