package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed templates static
var files embed.FS

// sources are the program's own files, which the pages quote: what a page shows
// is what runs.
//
//go:embed app.go client.go errors.go pages.go pool.go routes.go services.go trace.go
var sources embed.FS

// assets are the parsed templates and the static files.
type assets struct {
	pages map[string]*template.Template // by name, without ".html"
	etag  string                        // of all static files together
}

// loadAssets panics for a template that does not parse or quotes lines that are
// not there: that is a mistake in this program, which no configuration can heal.
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

// serve serves a static file. The browser keeps it and asks whether it has
// changed, so a new build is seen at once.
func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", a.etag)
	http.ServeFileFS(w, r, files, "static/"+path.Base(r.URL.Path))
}

// excerpt is a passage of the program's source.
type excerpt struct {
	Name        string // of the passage
	File        string
	First, Last int // lines
	Code        string
}

// source returns the lines of the program between the comments show:name and
// end:name, moved to the left margin.
func source(name string) (excerpt, error) {
	entries, _ := sources.ReadDir(".")
	for _, entry := range entries {
		b, _ := sources.ReadFile(entry.Name())
		lines := strings.Split(string(b), "\n")
		first := find(lines, "//show:"+name)
		if first < 0 {
			continue
		}
		last := first + 1 + find(lines[first+1:], "//end:"+name)
		if last == first {
			return excerpt{}, fmt.Errorf("%s: show:%s has no end", entry.Name(), name)
		}
		return cut(excerpt{Name: name, File: entry.Name(), First: first + 2, Last: last}, lines[first+1:last]), nil
	}
	return excerpt{}, fmt.Errorf("no source has show:%s", name)
}

// find returns the index of the line that is s, indentation aside, or -1.
func find(lines []string, s string) int {
	for i, line := range lines {
		if strings.TrimSpace(line) == s {
			return i
		}
	}
	return -1
}

// cut fills in the code: without blank lines at either end, without the markers
// of other passages, and without the indentation of the first line.
func cut(e excerpt, lines []string) excerpt {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines, e.Last = lines[:len(lines)-1], e.Last-1
	}
	if len(lines) == 0 {
		return e
	}
	indent := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], "\t"))]
	var b strings.Builder
	for _, line := range lines {
		if t := strings.TrimSpace(line); strings.HasPrefix(t, "//show:") || strings.HasPrefix(t, "//end:") {
			continue
		}
		b.WriteString(strings.TrimPrefix(line, indent) + "\n")
	}
	e.Code = strings.TrimSuffix(b.String(), "\n")
	return e
}
