package main

import (
	"embed"
	"fmt"
	"strings"
)

// sources are the program's own files, from which the pages quote.
//
//go:embed app.go client.go errors.go gallery.go main.go metrics.go operator.go options.go outage.go pages.go replica.go routes.go services.go trace.go userpool.go
var sources embed.FS

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

// cut fills in the code. It drops blank lines at the end, the markers of other
// passages, and the indentation of the first line.
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
