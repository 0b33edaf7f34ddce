package cookie

import (
	"net/http"
	"strings"
)

// Strip returns a copy of r without the cookies whose names isOwn accepts, or r itself
// if it carries none. The other cookies stay as the browser sent them.
func Strip(r *http.Request, isOwn func(name string) bool) *http.Request {
	var lines []string
	stripped := false
	for _, line := range r.Header["Cookie"] {
		var others []string
		for pair := range strings.SplitSeq(line, ";") {
			if name, _, _ := Next(pair); name != "" && isOwn(name) {
				stripped = true
			} else {
				others = append(others, pair)
			}
		}
		if rest := trim(strings.Join(others, ";")); rest != "" {
			lines = append(lines, rest)
		}
	}
	if !stripped {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	delete(r.Header, "Cookie")
	if len(lines) > 0 {
		r.Header["Cookie"] = lines
	}
	return r
}
