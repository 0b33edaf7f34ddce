package middleware_test

import (
	"testing"

	"github.com/go-chi/chi/v5"
)

// TestAuditOfARouteAtAMount has a router mounted at the very pattern of another mounted
// router's route. The mount takes every path of the route.
func TestAuditOfARouteAtAMount(t *testing.T) {
	inner, outer, root := chi.NewRouter(), chi.NewRouter(), chi.NewRouter()
	auth := newMatcherAuth(t, "/:a/list")
	root.Use(auth.Protect)
	inner.Get("/", publicHandler)
	inner.Get("/list", publicHandler)
	outer.Get("/users", publicHandler)
	outer.Get("/users/", publicHandler)
	root.Mount("/{tenant}/users", inner)
	root.Mount("/{tenant}", outer)
	public := 0
	for _, entry := range auth.Audit(root) {
		switch entry.Route {
		case "/{tenant}/users":
			if entry.By != "no path" {
				t.Errorf("%+v", entry)
			}
		case "/{tenant}/users/": // of both routers
			if entry.Public != "" {
				public++
			}
		default:
			if entry.Public == "" || entry.Reason != "" {
				t.Errorf("%+v", entry)
			}
		}
	}
	if public != 1 {
		t.Errorf("%d routes /{tenant}/users/ are public", public)
	}
}

// TestAuditOfAMountInAMount: chi serves the path of the inner mount without a slash too.
func TestAuditOfAMountInAMount(t *testing.T) {
	auth := newMatcherAuth(t, "/a/b/(.*)")
	inner, outer, root := chi.NewRouter(), chi.NewRouter(), protectedRoutes(auth)
	inner.Get("/", publicHandler)
	inner.Get("/x", publicHandler)
	outer.Mount("/b", inner)
	root.Mount("/a", outer)
	checkAudit(t, auth, root, map[string]string{"GET /a/b/": "/a/b", "GET /a/b/x": ""})
}

// TestAuditOfAMountBesideAnotherOne: the other mount takes a path of the inner mount, and
// serves nothing there. The next path is public.
func TestAuditOfAMountBesideAnotherOne(t *testing.T) {
	auth := newMatcherAuth(t, "/((?!b/x$|cc/x$).*)")
	inner, outer, other, root := chi.NewRouter(), chi.NewRouter(), chi.NewRouter(), protectedRoutes(auth)
	inner.Get("/", publicHandler)
	outer.Mount("/{t}", inner)
	other.Get("/y", publicHandler)
	root.Mount("/{a}", outer)
	root.Mount("/b", other)
	checkAudit(t, auth, root, map[string]string{"GET /{a}/{t}/": "/cc/x", "GET /b/y": ""})
}

// TestAuditOfAMountWithASlash: chi does not serve it without the slash.
func TestAuditOfAMountWithASlash(t *testing.T) {
	auth := newMatcherAuth(t, "/:t/(.*)")
	sub, root := chi.NewRouter(), protectedRoutes(auth)
	sub.Get("/", publicHandler)
	root.Mount("/{t}/", sub)
	checkAudit(t, auth, root, map[string]string{"GET /{t}/": ""})
}

// TestAuditOfARouteInPlaceOfAMount: the route takes the path of the mount without a slash
// from it.
func TestAuditOfARouteInPlaceOfAMount(t *testing.T) {
	auth := newMatcherAuth(t, "/a/(.*)")
	sub, root := chi.NewRouter(), protectedRoutes(auth)
	sub.Get("/", publicHandler)
	root.Mount("/a", sub)
	root.Get("/a", publicHandler)
	checkAudit(t, auth, root, map[string]string{"GET /a": "/a", "GET /a/": ""})
}
