package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed templates static
var files embed.FS

// assets are the parsed templates and the static files.
type assets struct {
	pages map[string]*template.Template // by name, without ".html"
	etag  string                        // of all static files together
}

// loadAssets panics for a template that does not parse, which is a mistake in this
// program.
func loadAssets() assets {
	a := assets{pages: make(map[string]*template.Template)}
	funcs := template.FuncMap{
		"source": source,
		"millis": millis,
		"clock":  func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"max":    func() int { return maxNote },
	}
	layout := template.Must(template.New("").Funcs(funcs).ParseFS(files, "templates/layout.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		page := strings.TrimSuffix(path.Base(name), ".html")
		a.pages[page] = template.Must(template.Must(layout.Clone()).ParseFS(files, name))
	}
	a.etag = etag()
	return a
}

func etag() string {
	sum := sha256.New()
	names, _ := fs.Glob(files, "static/*")
	for _, name := range names {
		b, _ := fs.ReadFile(files, name)
		sum.Write(b)
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)[:8]) + `"`
}

// serve serves a static file. The browser caches it, and asks each time whether it
// has changed.
func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", a.etag)
	http.ServeFileFS(w, r, files, "static/"+path.Base(r.URL.Path))
}
