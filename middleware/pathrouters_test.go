package middleware_test

import (
	"net/http"
	"regexp"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

func addFormRoutes(r chi.Router) {
	r.HandleFunc("/admin", privateHandler)
	r.HandleFunc("/admin/*", privateHandler)
	r.HandleFunc("/public", publicHandler)
	r.HandleFunc("/public/*", publicHandler)
	r.HandleFunc("/sign-in", publicHandler)
	r.HandleFunc("/sign-in/*", privateHandler) // only the exact path is exempt
}

func formRouter(mw ...func(http.Handler) http.Handler) chi.Router {
	r := chi.NewRouter()
	r.Use(mw...)
	r.NotFound(emptyHandler) // the answer costs more than the route
	addFormRoutes(r)
	return r
}

// formRouters mounts the guard in every way, with middlewares before and behind it that
// change the path or what chi routes by.
func formRouters(auth *cognito.Auth) map[string]http.Handler {
	mux := http.NewServeMux()
	for _, p := range []string{"/admin", "/admin/"} {
		mux.HandleFunc(p, privateHandler)
	}
	for _, p := range []string{"/public", "/public/", "/sign-in"} {
		mux.HandleFunc(p, publicHandler)
	}
	rewrite := chimiddleware.PathRewrite("/public/old", "/admin")
	mounted := chi.NewRouter()
	mounted.Mount("/app", formRouter(auth.Protect))
	cleanMounted := chi.NewRouter()
	cleanMounted.Use(chimiddleware.CleanPath, chimiddleware.StripSlashes)
	cleanMounted.Mount("/app", formRouter(auth.Protect))
	formatMounted := chi.NewRouter()
	formatMounted.Use(chimiddleware.URLFormat)
	formatMounted.Mount("/app", formRouter(auth.Protect))
	inline := chi.NewRouter()
	addFormRoutes(inline.With(auth.Protect))
	mountedTwice := chi.NewRouter()
	mountedTwice.Route("/app", func(r chi.Router) { r.Mount("/", formRouter(auth.Protect)) })
	mountedInline := chi.NewRouter()
	mountedInline.Route("/app", func(r chi.Router) { r.Group(func(r chi.Router) { addFormRoutes(r.With(auth.Protect)) }) })
	cleanInline := chi.NewRouter()
	cleanInline.Use(chimiddleware.CleanPath, chimiddleware.StripSlashes, chimiddleware.GetHead)
	addFormRoutes(cleanInline.With(auth.Protect))
	parameter := chi.NewRouter()
	parameter.Use(chimiddleware.CleanPath)
	parameter.Mount("/{site:app}", formRouter(chimiddleware.StripSlashes, auth.Protect))
	wildcards := http.NewServeMux()
	wildcards.HandleFunc("GET /admin/{$}", privateHandler)
	wildcards.HandleFunc("/admin", privateHandler)
	wildcards.HandleFunc("GET /admin/{name}", privateHandler)
	wildcards.HandleFunc("/admin/{name}/{rest...}", privateHandler)
	wildcards.HandleFunc("/users/{id}", privateHandler)
	wildcards.HandleFunc("/files/{id}/raw", privateHandler)
	wildcards.HandleFunc("/public/{rest...}", publicHandler)
	stripped := chi.NewRouter()
	stripped.Use(auth.Protect)
	stripped.Handle("/app/*", http.StripPrefix("/app", mux))
	return map[string]http.Handler{
		"chi":                           formRouter(auth.Protect),
		"chi inside":                    auth.Protect(formRouter()),
		"chi inline":                    inline,
		"chi mounted":                   mounted,
		"chi mounted twice":             mountedTwice,
		"chi mounted inline":            mountedInline,
		"chi mounted at a parameter":    parameter,
		"chi inline, cleaned before":    cleanInline,
		"chi, GetHead before":           formRouter(chimiddleware.GetHead, auth.Protect),
		"chi, GetHead behind":           formRouter(auth.Protect, chimiddleware.GetHead),
		"chi and StripPrefix behind":    stripped,
		"chi, CleanPath before":         formRouter(chimiddleware.CleanPath, auth.Protect),
		"chi, CleanPath behind":         formRouter(auth.Protect, chimiddleware.CleanPath),
		"chi, StripSlashes before":      formRouter(chimiddleware.StripSlashes, auth.Protect),
		"chi, StripSlashes behind":      formRouter(auth.Protect, chimiddleware.StripSlashes),
		"chi, both before":              formRouter(chimiddleware.CleanPath, chimiddleware.StripSlashes, auth.Protect),
		"chi, both behind":              formRouter(auth.Protect, chimiddleware.CleanPath, chimiddleware.StripSlashes),
		"chi, RedirectSlashes behind":   formRouter(auth.Protect, chimiddleware.RedirectSlashes),
		"chi, URLFormat before":         formRouter(chimiddleware.URLFormat, auth.Protect),
		"chi, PathRewrite before":       formRouter(rewrite, auth.Protect),
		"chi mounted, cleaned before":   cleanMounted,
		"chi mounted, URLFormat before": formatMounted,
		"ServeMux":                      auth.Protect(mux),
		"ServeMux with wildcards":       auth.Protect(wildcards),
		"ServeMux and StripPrefix":      auth.Protect(http.StripPrefix("/app", mux)),
		"StripPrefix, then the guard":   http.StripPrefix("/app", auth.Protect(formRouter())),
	}
}

var (
	segmentParams = regexp.MustCompile(`;[^/]*`)
	escape        = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// routersThatRewriteBehind rewrite the path behind the guard, which cannot see it.
// Require on the routes guards them.
func routersThatRewriteBehind(auth *cognito.Auth) map[string]http.Handler {
	make := func(mw ...func(http.Handler) http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(auth.Protect)
		r.Use(mw...)
		r.With(auth.Require).HandleFunc("/admin", privateHandler)
		r.With(auth.RequireGroup("admins")).HandleFunc("/admin/*", privateHandler)
		r.HandleFunc("/public/*", publicHandler)
		return r
	}
	return map[string]http.Handler{
		"PathRewrite behind": make(chimiddleware.PathRewrite("/public/old", "/admin")),
		"URLFormat behind":   make(chimiddleware.URLFormat),
	}
}
