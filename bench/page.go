//go:build unix

package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
)

// The comments of a page between which the table stands.
const (
	tableStart = "<!-- The program in bench/ writes from here on. -->\n"
	tableEnd   = "<!-- It writes up to here. -->\n"
)

// writePage replaces the table of a Markdown page.
func (t *table) writePage(file, signatureCheck string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	line := "Measured on " + machine() + ", with " + runtime.Version() + ". A = " + signatureCheck + "."
	if load := t.load; load > float64(runtime.GOMAXPROCS(0))/2 {
		line += fmt.Sprintf(" The machine was busy with other things (load %.0f), so the times are too long.", load)
	}
	changed, err := t.replaceIn(string(page), line)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(changed), 0o666)
}

// replaceIn returns the page with the table and the line in front of it.
func (t *table) replaceIn(page, line string) (string, error) {
	before, rest, ok := strings.Cut(page, tableStart)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !ok || !ended {
		return "", fmt.Errorf("no lines %q and %q", tableStart, tableEnd)
	}
	var table strings.Builder
	table.WriteString("| | what | measured | target | met |\n|---|---|---|---|---|\n")
	for _, r := range t.results {
		cells := []string{r.row, strings.ReplaceAll(r.what, "|", `\|`), r.text(r.value.median), r.bound(), "no"}
		switch {
		case !r.hasTarget():
			cells[4] = ""
		case r.met():
			cells[4] = "yes"
		}
		table.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return before + tableStart + "\n" + line + "\n\n" + table.String() + "\n" + tableEnd + after, nil
}

// loadAverage returns how many processes ran or waited in the last minute, or 0.
func loadAverage() (load float64) {
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Sscan(string(text), &load)
	}
	return load
}

var processorName = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

// machine says what the numbers were measured on.
func machine() string {
	kind := fmt.Sprintf("%d cores, %s/%s", runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH)
	info, err := os.ReadFile("/proc/cpuinfo")
	if name := processorName.FindSubmatch(info); err == nil && name != nil {
		kind += ", " + string(name[1])
	}
	return kind
}
