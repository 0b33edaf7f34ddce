package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// guarded is a route with the methods that are guarded alike.
type guarded struct {
	Methods, Route string
	By             string // empty if public
}

// guards lists how each route is guarded.
func (a *app) guards() (list []guarded) {
	//show:audit
	for _, g := range a.auth.Audit(a.router) {
		list = append(list, guarded{g.Method, g.Route, g.By})
	}
	//end:audit
	if a.client != nil { // both Auths list the same routes in the same order
		for i, g := range a.client.Audit(a.router) {
			list[i].By = cmp.Or(list[i].By, g.By)
		}
	}
	for i := range list {
		if list[i].By == privatePaths { // it is long
			list[i].By = "the Matcher"
		}
	}
	return merge(list)
}

// merge joins the methods of a route that are guarded alike. A mounted handler takes
// all methods.
func merge(list []guarded) (merged []guarded) {
	const all = 9 // methods of chi
	for i := 0; i < len(list); {
		g, methods := list[i], []string(nil)
		for ; i < len(list) && list[i].Route == g.Route && list[i].By == g.By; i++ {
			methods = append(methods, list[i].Methods)
		}
		if g.Methods = strings.Join(methods, ", "); len(methods) >= all {
			g.Methods = "any"
		}
		merged = append(merged, g)
	}
	return merged
}

// printRoutes prints how each route is guarded, and what is surprising about the Matcher.
func (a *app) printRoutes(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "METHOD\tROUTE\tGUARDED BY")
	for _, g := range a.guards() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", g.Methods, g.Route, cmp.Or(g.By, "– public –"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe Matcher is %s\n", privatePaths)
	for _, f := range a.auth.Findings() {
		fmt.Fprint(w, "- ")
		if f.Path != "" {
			fmt.Fprintf(w, "%s: ", f.Path)
		}
		fmt.Fprintln(w, f.Msg)
	}
	return nil
}
