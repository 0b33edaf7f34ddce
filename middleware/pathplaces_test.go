package middleware_test

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

type middleware = func(http.Handler) http.Handler

// pathRewriters change the path, or what chi routes by.
var pathRewriters = map[string]middleware{
	"nothing":               func(next http.Handler) http.Handler { return next },
	"URLFormat":             chimiddleware.URLFormat,
	"CleanPath":             chimiddleware.CleanPath,
	"StripSlashes":          chimiddleware.StripSlashes,
	"PathRewrite":           chimiddleware.PathRewrite("/public/old", "/admin"),
	"PathRewrite to public": chimiddleware.PathRewrite("/admin", "/public"),
	"a prefix-taker":        rewriteRoutePath(func(p string) string { return strings.TrimPrefix(p, "/en") }),
	"a prefix-giver":        rewriteRoutePath(func(p string) string { return strings.Replace(p, "/old", "/admin", 1) }),
	"a suffix-taker":        rewriteRoutePath(func(p string) string { return strings.TrimSuffix(strings.TrimSuffix(p, ".html"), "/edit") }),
	"a decoder":             rewriteRoutePath(decodeLenient),
}

// rewriteRoutePath returns a middleware that gives chi another path.
func rewriteRoutePath(rewrite func(string) string) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := chi.RouteContext(r.Context())
			p := rc.RoutePath
			if p == "" {
				p = r.URL.Path
			}
			if rewritten := rewrite(p); rewritten != p {
				rc.RoutePath = rewritten
			}
			next.ServeHTTP(w, r)
		})
	}
}

// guardPlaces are the places in a tree of chi where a guard can stand, behind a
// middleware that rewrites. Each has the paths of formRouter at the root, below /app or
// below /app/v1.
var guardPlaces = map[string]func(rewrite, protect middleware) http.Handler{
	"Use": func(rewrite, protect middleware) http.Handler {
		return formRouter(rewrite, protect)
	},
	"Use, routes in Mounts": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite, protect)
			r.Mount("/app", router(func(r chi.Router) { r.Mount("/v1", formRouter()) }))
		})
	},
	"Use in Mount": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/app", formRouter(protect))
		})
	},
	"Use in Mount, rewriting there": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) { r.Mount("/app", formRouter(rewrite, protect)) })
	},
	"Use in Mount at the root": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/", formRouter(protect))
		})
	},
	"Use in Mount with a slash": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/app/", formRouter(protect))
		})
	},
	"Use in Mount at a parameter": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/{site:app}/{version:v[0-9]{1}}", formRouter(protect))
		})
	},
	"Use in Mount of Mount": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/app", router(func(r chi.Router) { r.Mount("/v1", formRouter(protect)) }))
		})
	},
	"Use in Mount of Mount, rewriting between": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Mount("/app", router(func(r chi.Router) {
				r.Use(rewrite)
				r.Mount("/v1", formRouter(protect))
			}))
		})
	},
	"Use in Mount of Mount, rewriting twice": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/app", router(func(r chi.Router) {
				r.Use(rewrite)
				r.Mount("/v1", formRouter(rewrite, protect))
			}))
		})
	},
	"Use in Route": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Route("/app", func(r chi.Router) {
				r.Use(protect)
				addFormRoutes(r)
			})
		})
	},
	"Use in a Route of private pages": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Route("/admin", func(r chi.Router) {
				r.Use(protect)
				r.HandleFunc("/", privateHandler)
				r.HandleFunc("/*", privateHandler)
			})
			r.HandleFunc("/public/*", publicHandler)
		})
	},
	"Group": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Group(func(r chi.Router) {
				r.Use(protect)
				addFormRoutes(r)
			})
		})
	},
	"Group in Mount": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/app", router(func(r chi.Router) {
				r.Group(func(r chi.Router) {
					r.Use(protect)
					addFormRoutes(r)
				})
			}))
		})
	},
	"Group around Mount": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Group(func(r chi.Router) {
				r.Use(protect)
				r.Mount("/app", formRouter())
			})
		})
	},
	"With": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			addFormRoutes(r.With(protect))
		})
	},
	"With, rewriting there": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) { addFormRoutes(r.With(rewrite, protect)) })
	},
	"With in Mount, rewriting twice": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Mount("/app", router(func(r chi.Router) { addFormRoutes(r.With(rewrite, protect)) }))
		})
	},
	"around a handler": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Handle("/admin", protect(http.HandlerFunc(privateHandler)))
			r.Handle("/admin/*", protect(http.HandlerFunc(privateHandler)))
			r.Handle("/public/*", protect(http.HandlerFunc(publicHandler)))
		})
	},
	"Use in a router that is no Mount's": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Handle("/*", formRouter(protect))
		})
	},
	"With in a router that is no Mount's": func(rewrite, protect middleware) http.Handler {
		return router(func(r chi.Router) {
			r.Use(rewrite)
			r.Handle("/*", router(func(r chi.Router) { addFormRoutes(r.With(protect)) }))
		})
	},
}

func router(build func(chi.Router)) chi.Router {
	r := chi.NewRouter()
	build(r)
	return r
}

// placedGuards has every place behind every rewriting middleware.
func placedGuards(auth *cognito.Auth) map[string]http.Handler {
	guards := make(map[string]http.Handler)
	for rewriter, rewrite := range pathRewriters {
		for place, build := range guardPlaces {
			guards[place+", behind "+rewriter] = build(rewrite, auth.Protect)
		}
	}
	return guards
}
