//go:build unix

// Bench measures what the project promises about speed and memory and prints a table:
// the row, what is measured, the number, its target and whether the target is met.
//
//	go run .            # from this directory; or make bench from the one above
//	go run . -strict    # and fail if a target is missed
//	go run . -rows 'P1|M.'
//	go run . -page ../docs/performance.md # and write the table into that page
//
// Machines differ and are busy, so times say little. Most numbers are ratios to a
// floor: the least work that could do the same, measured in turns with it in the same
// run. Costs are CPU time of the process. The unit A is one check of an RSA-2048
// signature.
//
// The program uses the exported API alone, so that it can measure another checkout:
//
//	sed 's|=> ../|=> /another/checkout|' go.mod > /tmp/bench.mod; cp go.sum /tmp/bench.sum
//	GOFLAGS='-modfile=/tmp/bench.mod -mod=mod' go run .
//
// It is a module of its own, so that the engines that it compares package matcher with
// stay out of the module graph of applications.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"time"
)

// groups are the measurements. Rows that share a fixture share a function.
var groups = []struct {
	rows    []string
	measure func(*bench)
}{
	{[]string{"P1", "P1u", "P2", "P3"}, (*bench).signedInRequests},
	{[]string{"P4", "P5", "P6"}, (*bench).uncachedRequests},
	{[]string{"P7"}, (*bench).growth},
	{[]string{"P8"}, (*bench).cacheMemory},
	{[]string{"P9"}, (*bench).signIns},
	{[]string{"P10"}, (*bench).refreshes},
	{[]string{"P11"}, (*bench).construction},
	{[]string{"P12"}, (*bench).conditions},
	{[]string{"P13"}, (*bench).programSize},
	{[]string{"P14"}, (*bench).sharedRequests},
	{[]string{"P15"}, (*bench).layoutRequests},
	{[]string{"M1", "M2", "M3", "M4", "M5"}, (*bench).patterns},
}

// bench is what all measurements share.
type bench struct {
	table
	perGroup       time.Duration // of interleaved turns
	signatureCheck func()        // A
}

func main() {
	rows := flag.String("rows", ".*", "measure only the rows that match this regular expression, and those measured with them")
	perGroup := flag.Duration("time", 4*time.Second, "how long the turns of each measurement go on")
	page := flag.String("page", "", "write the table into this Markdown `file` too, between its two comments")
	strict := flag.Bool("strict", false, "fail if a target is missed")
	flag.Parse()
	wanted, err := regexp.Compile("^(?:" + *rows + ")$")
	if err == nil && *page != "" && *rows != ".*" {
		err = errors.New("-page wants all rows")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	b := &bench{table: table{out: os.Stdout, load: loadAverage()}, perGroup: *perGroup, signatureCheck: newSignatureCheck()}
	signatureCheck := fmt.Sprintf("%.1f µs", repeated(b.signatureCheck)()/1e3)
	fmt.Printf("%s, %d cores, A = %s\n\n", runtime.Version(), runtime.GOMAXPROCS(0), signatureCheck)
	b.header()
	for _, g := range groups {
		for _, row := range g.rows {
			if wanted.MatchString(row) {
				g.measure(b)
				break
			}
		}
	}
	if *page != "" {
		check(b.writePage(*page, signatureCheck))
	}
	if b.missed > 0 {
		fmt.Printf("\n%d targets are not met\n", b.missed)
		if *strict {
			os.Exit(1)
		}
	}
}
