package main

import (
	"go/format"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// Pages quote whole pieces of Go, and every marked piece is quoted.
func TestExcerpts(t *testing.T) {
	var templates strings.Builder
	err := fs.WalkDir(files, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		templates.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := sources.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, entry := range entries {
		b, err := sources.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		for _, m := range regexp.MustCompile(`(?m)^\t*//show:(.+)$`).FindAllStringSubmatch(string(b), -1) {
			n++
			e, err := source(m[1])
			if err != nil {
				t.Error(err)
				continue
			}
			if !strings.Contains(templates.String(), `source "`+m[1]+`"`) {
				t.Errorf("no page shows %q", m[1])
			}
			if formatted, err := format.Source([]byte(e.Code)); err != nil || string(formatted) != e.Code {
				t.Errorf("%s is no formatted piece of Go: %v\n%s", m[1], err, e.Code)
			}
			if first, _, _ := strings.Cut(e.Code, "\n"); first != strings.TrimLeft(lines[e.First-1], "\t") {
				t.Errorf("%s begins with %q, but line %d of %s is %q", m[1], first, e.First, e.File, lines[e.First-1])
			}
			if last := strings.TrimSpace(e.Code[strings.LastIndex(e.Code, "\n")+1:]); last != strings.TrimSpace(lines[e.Last-1]) {
				t.Errorf("%s ends with %q, but line %d of %s is %q", m[1], last, e.Last, e.File, lines[e.Last-1])
			}
		}
	}
	if n < 10 {
		t.Errorf("%d excerpts are marked, which is too few", n)
	}
	if _, err := source("nonsense"); err == nil {
		t.Error("an unknown excerpt is no error")
	}
}
