package middleware

import (
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// customContentPolicy is the default for pages of Config.Page: styles, pictures and fonts
// of this site, and no script.
const customContentPolicy = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'"

// pageWriter is the writer that Config.Page gets. The function cannot lose the status or a
// header by accident: a helper may write 200, clear the header or replace a policy.
//
// It has no Unwrap method, which would lead http.ResponseController past it.
type pageWriter struct {
	http.ResponseWriter
	status      int
	policy      string      // of every page, beside that of the content
	header      http.Header // before the function
	wroteHeader bool
}

// newPageWriter returns a pageWriter whose header has the policy of a middleware in
// front, or the default one.
func newPageWriter(w http.ResponseWriter, status int, policy string, outerPolicy []string) *pageWriter {
	h := w.Header()
	if len(outerPolicy) == 0 {
		outerPolicy = []string{customContentPolicy}
	}
	h["Content-Security-Policy"] = append([]string{policy}, outerPolicy...)
	return &pageWriter{ResponseWriter: w, status: status, policy: policy, header: h.Clone()}
}

// WriteHeader sends the page's status instead of a successful one.
func (w *pageWriter) WriteHeader(status int) {
	switch {
	case w.wroteHeader || status < 200:
		return
	case status < 300:
		status = w.status
	}
	w.wroteHeader = true
	w.restoreHeader()
	w.ResponseWriter.WriteHeader(status)
}

func (w *pageWriter) Write(b []byte) (int, error) {
	w.WriteHeader(w.status)
	return w.ResponseWriter.Write(b)
}

// restoreHeader puts back what the function has lost. Browsers obey all policies at once.
func (w *pageWriter) restoreHeader() {
	h := w.Header()
	for name, values := range w.header {
		switch {
		case name == "Set-Cookie":
			h[name] = append(without(values, func(line string) bool { return slices.Contains(h[name], line) }), h[name]...)
		case len(h[name]) == 0:
			h[name] = values
		}
	}
	if name := "Content-Security-Policy"; !slices.Contains(h[name], w.policy) {
		h[name] = append([]string{w.policy}, h[name]...)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	cookie.NoStore(h)
}
