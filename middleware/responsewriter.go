package middleware

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/session"
)

// responseWriter completes the header of a guarded answer when it goes out: with the
// Set-Cookie lines of the session, Cache-Control and Vary. What is put into a header
// earlier does not survive every handler: some replace it, clear it or edit it.
//
// It is the base of types that have the optional methods of the writer around it.
type responseWriter struct {
	http.ResponseWriter
	sessions *session.Manager
	request  *http.Request
	lines    []*cookie.Lines // of each app client that has written some
	values   cookie.Values

	cacheControl string // the default, "" for none
	bearer       bool   // Config.Bearer
	wroteHeader  bool
}

// guardWriter returns the writer that a guard hands on, and the responseWriter in it. A
// guard behind another one of this Auth takes that one's.
func (a *Auth) guardWriter(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *responseWriter) {
	for outer := w; outer != nil; {
		if t, ok := outer.(interface{ base() *responseWriter }); ok && t.base().sessions == a.sessions {
			return w, t.base()
		}
		t, ok := outer.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		outer = t.Unwrap()
	}
	guarded, base := newWriters[methodsOf(w)]()
	base.ResponseWriter, base.sessions, base.request, base.bearer = w, a.sessions, r, a.cfg.Bearer
	return guarded, base
}

func (w *responseWriter) base() *responseWriter { return w }

// Unwrap leads http.ResponseController past a writer without Hijack to one that has it.
func (w *responseWriter) Unwrap() http.ResponseWriter { return unwrapped{w.ResponseWriter, w} }

// unwrapped is the writer around a responseWriter. It completes the header when
// http.ResponseController takes the connection.
type unwrapped struct {
	http.ResponseWriter
	inner *responseWriter
}

func (u unwrapped) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func (u unwrapped) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	u.inner.complete(http.StatusSwitchingProtocols)
	return http.NewResponseController(u.ResponseWriter).Hijack()
}

// PrivateNoStore implements [cookie.Answer].
func (w *responseWriter) PrivateNoStore() { w.setCacheControl(cookie.Private) }

// setCacheControl sets the default Cache-Control, and what an outer handler has set
// before is void. Handlers find it in the header, and may replace it.
func (w *responseWriter) setCacheControl(value string) {
	w.cacheControl = value
	h := w.Header()
	cookie.DeleteTargetedCacheControl(h)
	w.values.SetCacheControl(h, value)
}

// Lines implements [cookie.Answer].
func (w *responseWriter) Lines(prefix string) *cookie.Lines {
	for _, lines := range w.lines {
		if lines.Prefix == prefix {
			return lines
		}
	}
	lines := &cookie.Lines{Prefix: prefix}
	w.lines = append(w.lines, lines)
	return lines
}

// finish completes the header if the handler has written nothing, or panics.
func (w *responseWriter) finish() { w.complete(http.StatusOK) }

// complete completes the header of the final answer.
func (w *responseWriter) complete(status int) {
	if w.wroteHeader {
		return
	}
	h := w.Header()
	setsCookies := w.sessions.SetsCookies(h)
	for _, lines := range w.lines {
		setsCookies = lines.AddTo(h, w.request.RequestURI) || setsCookies
	}
	cc := h["Cache-Control"]
	switch {
	case setsCookies:
		// A cache would hand one user's tokens to another.
		if len(cc) != 1 || cc[0] != cookie.Private && cc[0] != cookie.Uncached {
			w.values.SetCacheControl(h, cookie.Private)
		}
		cookie.DeleteTargetedCacheControl(h)
	case w.cacheControl == "":
	case len(cc) == 0 || len(cc) == 1 && cc[0] == "":
		w.values.SetCacheControl(h, w.cacheControl)
	case len(cc) > 1 && cc[0] == w.cacheControl:
		h["Cache-Control"] = cc[1:] // a handler has added its own to the default
	}
	w.values.AddVary(h)
	if w.bearer {
		cookie.VaryAuthorization(h)
	}
	if status == http.StatusRequestEntityTooLarge && w.request.ProtoMajor == 1 {
		// http.MaxBytesReader tells only net/http's own writer to close the connection.
		// Otherwise the client would go on to send what is too large.
		h.Set("Connection", "close")
	}
}

// WriteHeader completes the header of a final answer. 101 is final.
func (w *responseWriter) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols && !w.wroteHeader {
		w.writeInformational(status)
		return
	}
	w.complete(status)
	w.wroteHeader = true
	w.ResponseWriter.WriteHeader(status)
}

// writeInformational sends the header so far without what belongs to the final answer
// alone, such as the session's cookies.
func (w *responseWriter) writeInformational(status int) {
	h := w.Header()
	cacheControl, vary, lines := h["Cache-Control"], h["Vary"], h["Set-Cookie"]
	setValues(h, "Cache-Control", without(cacheControl, func(value string) bool { return value == w.cacheControl }))
	setValues(h, "Vary", without(vary, func(value string) bool { return value == "Cookie" || value == "Cookie, Authorization" }))
	setValues(h, "Set-Cookie", without(lines, func(line string) bool {
		// A handler may use several app clients.
		isKept := func(kept *cookie.Lines) bool { return strings.HasPrefix(line, kept.Prefix) }
		return w.sessions.SetsCookies(http.Header{"Set-Cookie": {line}}) || slices.ContainsFunc(w.lines, isKept)
	}))
	w.ResponseWriter.WriteHeader(status)
	setValues(h, "Cache-Control", cacheControl)
	setValues(h, "Vary", vary)
	setValues(h, "Set-Cookie", lines)
}

// without returns the values that are not ours.
func without(values []string, isOurs func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(values), isOurs)
}

// setValues sets the values of a header. Without values there is no such header.
func setValues(h http.Header, name string, values []string) {
	if len(values) == 0 {
		delete(h, name)
		return
	}
	h[name] = values
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// WriteString offers nothing that Write does not, so every type has it.
func (w *responseWriter) WriteString(s string) (int, error) {
	w.begin()
	return io.WriteString(w.ResponseWriter, s)
}

// begin is called before a part of the body is written.
func (w *responseWriter) begin() {
	w.complete(http.StatusOK)
	w.wroteHeader = true
}

// FlushError is the method that http.ResponseController looks for first. Without it,
// the controller would unwrap this writer and flush a header that is not complete.
func (w *responseWriter) FlushError() error {
	w.complete(http.StatusOK)
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.wroteHeader = w.wroteHeader || !errors.Is(err, http.ErrNotSupported)
	return err
}

// hijack completes the header, because the handler may send it by itself.
func (w *responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.complete(http.StatusSwitchingProtocols)
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

func (w *responseWriter) readFrom(src io.Reader) (int64, error) {
	w.begin()
	return w.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
}

func (w *responseWriter) push(target string, opts *http.PushOptions) error {
	return w.ResponseWriter.(http.Pusher).Push(target, opts)
}

func (w *responseWriter) closeNotify() <-chan bool {
	return w.ResponseWriter.(closeNotifier).CloseNotify()
}
