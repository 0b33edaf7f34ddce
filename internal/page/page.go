// Package page tells a browser's navigation from every other request. A signed-out user
// is redirected only on a navigation. Only a page's answer deletes cookies.
package page

import "net/http"

// Navigates reports whether r is a browser's navigation: a GET, a HEAD or a form's POST
// whose answer is shown to the user. bearer is set if the server accepts bearer tokens.
func Navigates(r *http.Request, bearer bool) bool {
	return firstRule(r, bearer).navigates
}

// Is reports whether r is a navigation that can be repeated, a GET or a HEAD. It may be
// redirected elsewhere and come back.
func Is(r *http.Request, bearer bool) bool {
	return isSafe(r) && Navigates(r, bearer)
}

// MayClear reports whether the answer to r may delete a session's cookies and write
// LastAuthUser. A script's answer may not: it may arrive when the browser has signed in
// anew. Without Sec-Fetch-Mode, Accept tells a page from a script's fetch, which sends
// "*/*".
func MayClear(r *http.Request) bool {
	return isSafe(r) && firstRule(r, false).clears
}

// NamesHTML reports whether r is a navigation of a client that shows HTML: a browser's own
// word, or text/html in Accept, says so. A tool like curl accepts anything.
func NamesHTML(r *http.Request, bearer bool) bool { return firstRule(r, bearer).clears }

// IsOwnNavigation reports whether a browser says that it navigates a whole tab by a link
// of this origin, or that the user has typed or chosen the address.
func IsOwnNavigation(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		(site == "same-origin" || site == "none")
}

func isSafe(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// firstRule returns the first rule that applies to r. The last one applies to every
// request.
func firstRule(r *http.Request, bearer bool) *rule {
	i := 0
	for !rules[i].applies(r, header(r.Header), bearer) {
		i++
	}
	return &rules[i]
}
