package main

import (
	"testing"

	"github.com/cognitogate/cognitogate/docs/routers/routertest"
)

func TestSite(t *testing.T) {
	routertest.Drive(t, config, newSite, "404 page not found")
}
