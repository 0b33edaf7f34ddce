package middleware_test

import (
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// innerHandlers do to the header of an answer what real handlers do.
func innerHandlers(t *testing.T) []innerHandler {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Cache-Control", "public, max-age=600")
		w.Header().Set("Vary", "Accept")
		w.Header().Set("Trailer", "X-Announced")
		w.Header().Add("Set-Cookie", "upstream=1")
		io.WriteString(w, "text")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Announced", "1")
		w.Header().Set(http.TrailerPrefix+"X-Late", "1")
	}))
	t.Cleanup(upstream.Close)
	to, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	files := http.FileServerFS(fstest.MapFS{"file": &fstest.MapFile{Data: []byte("text"), ModTime: time.Unix(1, 0)}})
	fileAt := func(path, byteRange string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.URL.Path = path
			if byteRange != "" {
				r.Header.Set("Range", byteRange)
			}
			w.Header().Set("Cache-Control", "max-age=5")
			files.ServeHTTP(w, r)
		})
	}
	text := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		io.WriteString(w, strings.Repeat("text", 1000))
	})
	blocked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	edit := func(f func(h http.Header)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { f(w.Header()) })
	}
	return []innerHandler{
		{name: "TimeoutHandler", handler: http.TimeoutHandler(text, time.Minute, ""), cookie: "theme"},
		{name: "TimeoutHandler that times out", handler: http.TimeoutHandler(blocked, time.Millisecond, ""), status: http.StatusServiceUnavailable},
		{name: "ReverseProxy", handler: proxy, cacheControl: "public, max-age=600", cookie: "upstream", trailers: true},
		{name: "ReverseProxy in TimeoutHandler", handler: http.TimeoutHandler(proxy, time.Minute, ""), cacheControl: "public, max-age=600", cookie: "upstream"},
		{name: "FileServer", handler: fileAt("/file", ""), cacheControl: "max-age=5"},
		{name: "FileServer without the file", handler: fileAt("/missing", ""), status: http.StatusNotFound},
		{name: "FileServer beyond the file", handler: fileAt("/file", "bytes=9-"), status: http.StatusRequestedRangeNotSatisfiable},
		{name: "ServeContent of a part", handler: fileAt("/file", "bytes=1-2"), status: http.StatusPartialContent, cacheControl: "max-age=5"},
		{name: "gzip", handler: chimiddleware.Compress(5)(text), cookie: "theme"},
		{name: "gzip by an old hand", handler: gzipped(text), cookie: "theme"},
		{name: "hijack", handler: http.HandlerFunc(hijackAnswer), status: 299, onlyHTTP1: true},
		{name: "hijack after clear", handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			clear(w.Header())
			hijackAnswer(w, r)
		}), status: 299, onlyHTTP1: true},
		{name: "panic with Recoverer inside", handler: recoverer(edit(func(http.Header) { panic("on purpose") })), status: http.StatusInternalServerError},
		{name: "early flush", handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.Header().Set("Cache-Control", "too late")
			io.WriteString(w, "text")
		})},
		{name: "NotFound", handler: http.NotFoundHandler(), status: http.StatusNotFound},
		{name: "nothing", handler: edit(func(http.Header) {})},
		{name: "clear", handler: edit(func(h http.Header) { clear(h) })},
		{name: "clear after early hints", handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusEarlyHints)
			clear(w.Header())
		})},
		{name: "early hints only", handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) })},
		{name: "an empty Cache-Control", handler: edit(func(h http.Header) { h.Set("Cache-Control", "") })},
		{name: "a Cache-Control of its own", handler: edit(func(h http.Header) { h.Set("Cache-Control", "public") }), cacheControl: "public"},
		{name: "one more Cache-Control", handler: edit(func(h http.Header) { h.Add("Cache-Control", "public") }), cacheControl: "public"},
		{name: "edit in place", handler: edit(func(h http.Header) { h["Cache-Control"][0], h["Vary"][0] = "public", "Accept" }), cacheControl: "public"},
		{name: "cookies edited in place", handler: edit(func(h http.Header) {
			for i := range h["Set-Cookie"] {
				h["Set-Cookie"][i] = "theme=dark"
			}
		})},
		{name: "a CDN's Cache-Control", handler: edit(func(h http.Header) { h.Set("CDN-Cache-Control", "max-age=600") })},
		{name: "a Vary of its own", handler: edit(func(h http.Header) { h.Set("Vary", "Accept") })},
		{name: "cookies of its own", handler: edit(func(h http.Header) { h.Set("Set-Cookie", "theme=dark") }), cookie: "theme"},
	}
}

type innerHandler struct {
	name         string
	handler      http.Handler
	status       int    // 0 for 200
	cacheControl string // "" for the default; with session cookies it is the default
	cookie       string // the name of one that must be there
	trailers     bool
	onlyHTTP1    bool
}

func hijackAnswer(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n")
	w.Header().Write(conn)
	fmt.Fprint(conn, "\r\n")
}

// recoverer answers a panic with a 500, as many middlewares do.
func recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// gzipped is a handler that wraps its writer in the oldest way.
func gzipped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Add("Vary", "Accept-Encoding")
		z := gzip.NewWriter(w)
		defer z.Close()
		next.ServeHTTP(struct {
			io.Writer
			headerWriter
		}{z, w}, r)
	})
}

type headerWriter interface {
	Header() http.Header
	WriteHeader(int)
}

// protocolServers are servers on real connections, and their clients.
func protocolServers(t *testing.T, h http.Handler) map[string]*httptest.Server {
	first, second := httptest.NewUnstartedServer(h), httptest.NewUnstartedServer(h)
	for _, server := range []*httptest.Server{first, second} {
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		t.Cleanup(server.Close)
	}
	first.Start()
	second.EnableHTTP2 = true
	second.StartTLS()
	return map[string]*httptest.Server{"HTTP/1.1": first, "HTTP/2.0": second}
}

// TestFinalHeader puts every handler behind a guard, for users whose tokens are refreshed
// and for others.
func TestFinalHeader(t *testing.T) {
	env := newEnv(t)
	handlers := innerHandlers(t)
	mux := http.NewServeMux()
	for i, inner := range handlers {
		mux.Handle(fmt.Sprint("/", i), env.auth.Protect(inner.handler))
		mux.Handle(fmt.Sprint("/twice/", i), env.auth.Protect(env.auth.Require(inner.handler)))
	}
	for protocol, server := range protocolServers(t, mux) {
		for _, refreshed := range []bool{true, false} {
			for i, inner := range handlers {
				for _, prefix := range longtest.Scale([]string{"/"}, []string{"/", "/twice/"}) {
					if inner.onlyHTTP1 && protocol != "HTTP/1.1" {
						continue
					}
					name := fmt.Sprintf("%s, %s, refreshed %v, %s", inner.name, protocol, refreshed, prefix)
					resp := env.getFrom(name, server, fmt.Sprint(prefix, i), refreshed)
					if resp.Proto != protocol {
						t.Fatal(resp.Proto)
					}
					checkFinalHeader(t, name, inner, resp, refreshed)
				}
			}
		}
	}
}

// getFrom gets a page of a server as ada and reads it. No informational answer may have
// what belongs on the final one.
func (env *testEnv) getFrom(name string, server *httptest.Server, path string, refreshed bool) *http.Response {
	env.Helper()
	r, err := http.NewRequest("GET", server.URL+path, nil)
	if err != nil {
		env.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	env.server.SignIn(r, "ada")
	if refreshed {
		env.clock.advance(2 * time.Hour)
	}
	trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
		for _, line := range slices.Concat(h["Set-Cookie"], h["Vary"], h["Cache-Control"]) {
			if isSessionCookie(line) || line == "Cookie" || strings.HasPrefix(line, "private") {
				env.Errorf("%s: %d has %v", name, status, h)
			}
		}
		return nil
	}}
	resp, err := server.Client().Do(r.WithContext(httptrace.WithClientTrace(context.Background(), trace)))
	if err != nil {
		env.Fatal(name, ": ", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		env.Error(name, ": ", err)
	}
	return resp
}

func checkFinalHeader(t *testing.T, name string, inner innerHandler, resp *http.Response, refreshed bool) {
	t.Helper()
	if want := cmp.Or(inner.status, http.StatusOK); resp.StatusCode != want {
		t.Errorf("%s: status %d, want %d", name, resp.StatusCode, want)
	}
	refreshed = refreshed && !isHandleRun() // then only the record has changed
	count := make(map[string]int)
	for _, c := range resp.Cookies() {
		if isSealedRun() && isSessionCookie(c.Name) {
			count["sealed"] = 1 // in one chunk or more
			continue
		}
		count[c.Name[strings.LastIndexByte(c.Name, '.')+1:]]++
	}
	want := make(map[string]int)
	switch {
	case refreshed && isSealedRun():
		want = map[string]int{"sealed": 1}
	case refreshed:
		want = map[string]int{"LastAuthUser": 1, "accessToken": 1, "idToken": 1, "refreshToken": 1}
	}
	if inner.cookie != "" {
		want[inner.cookie] = 1
	}
	if inner.name == "cookies edited in place" {
		delete(count, "theme")
	}
	if !maps.Equal(count, want) {
		t.Errorf("%s: cookies %v, want %v", name, count, want)
	}
	cacheControl := inner.cacheControl
	if cacheControl == "" || refreshed {
		cacheControl = "private, no-store"
	}
	if got := resp.Header["Cache-Control"]; !slices.Equal(got, []string{cacheControl}) {
		t.Errorf("%s: Cache-Control %q, want %q", name, got, cacheControl)
	}
	if refreshed && resp.Header.Get("Cdn-Cache-Control") != "" {
		t.Errorf("%s: a CDN may store the session's cookies", name)
	}
	found := 0
	for field := range strings.SplitSeq(strings.Join(resp.Header["Vary"], ","), ",") {
		if strings.TrimSpace(field) == "Cookie" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%s: Vary %q", name, resp.Header["Vary"])
	}
	if inner.trailers && (resp.Trailer.Get("X-Announced") != "1" || resp.Trailer.Get("X-Late") != "1") {
		t.Errorf("%s: trailers %v", name, resp.Trailer)
	}
}

// TestSwitchingProtocolsIsFinal: after 101 there is no other answer.
func TestSwitchingProtocolsIsFinal(t *testing.T) {
	tokensInCookies(t)
	env := newEnv(t)
	server := httptest.NewServer(env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		clear(w.Header())
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "test")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})))
	defer server.Close()
	proxied, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(env.auth.Protect(httputil.NewSingleHostReverseProxy(proxied)))
	defer proxy.Close()
	for name, target := range map[string]string{"a handler's": server.URL, "an upstream's": proxy.URL} {
		r, err := http.NewRequest("GET", target+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", env.expiredRequest("ada", "/x").Header.Get("Cookie"))
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "test")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if set, _ := changedCookies(resp); resp.StatusCode != http.StatusSwitchingProtocols || len(set) < 3 {
			t.Errorf("%s: status %d, cookies %v", name, resp.StatusCode, set)
		}
	}
}

// TestFinalHeaderOfRefusals: an ErrorHandler may do what other handlers do.
func TestFinalHeaderOfRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(http.ResponseWriter)
		want  string // the Cache-Control of an answer without session cookies
	}{
		"nothing":              {func(http.ResponseWriter) {}, "no-store"},
		"clear":                {func(w http.ResponseWriter) { clear(w.Header()) }, "no-store"},
		"a value of its own":   {func(w http.ResponseWriter) { w.Header().Set("Cache-Control", "private") }, "private"},
		"http.Error":           {func(w http.ResponseWriter) { http.Error(w, "no", http.StatusTeapot) }, "no-store"},
		"edited in place":      {func(w http.ResponseWriter) { w.Header()["Cache-Control"][0] = "private" }, "private"},
		"a second value":       {func(w http.ResponseWriter) { w.Header().Add("Cache-Control", "private") }, "private"},
		"a Vary of its own":    {func(w http.ResponseWriter) { w.Header().Set("Vary", "Accept") }, "no-store"},
		"Vary edited in place": {func(w http.ResponseWriter) { w.Header()["Vary"][0] = "Accept" }, "no-store"},
	} {
		env := newEnv(t, func(cfg *cognito.Config) {
			cfg.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { test.serve(w) }
		})
		forbidden := env.auth.RequireGroup("admins")
		for _, answer := range []struct {
			name    string
			request func() *http.Request
			guard   func(http.Handler) http.Handler
			cookies bool
		}{
			{"anonymous", func() *http.Request { return pageRequest("/x") }, env.auth.Protect, false},
			{"forbidden", func() *http.Request { return env.signedInRequest("grace", "/x") }, forbidden, false},
			{"refreshed and forbidden", func() *http.Request { return env.expiredRequest("grace", "/x") }, forbidden, !isHandleRun()},
			{"signed out", func() *http.Request {
				r := env.expiredRequest("ada", "/x")
				env.server.RemoveUser("ada")
				return r
			}, env.auth.Require, true},
		} {
			name := name + ", " + answer.name
			w := httptest.NewRecorder()
			answer.guard(http.HandlerFunc(emptyHandler)).ServeHTTP(w, answer.request())
			h := w.Result().Header
			if n := len(h["Set-Cookie"]); (n > 0) != answer.cookies {
				t.Errorf("%s: %d cookies", name, n)
			}
			cc, want := strings.Join(h["Cache-Control"], "; "), test.want
			if cc != want && !(answer.cookies && (cc == "no-store" || cc == "private, no-store")) {
				t.Errorf("%s: Cache-Control %q, want %q", name, cc, want)
			}
			if answer.cookies && cc == "private" {
				t.Errorf("%s: an answer with session cookies has Cache-Control %q", name, cc)
			}
			if vary := strings.Join(h["Vary"], ", "); !strings.HasSuffix(vary, "Cookie") || strings.Count(vary, "Cookie") != 1 {
				t.Errorf("%s: Vary %q", name, vary)
			}
		}
	}
}

// TestAnswersShareNoHeaderValues: a handler edits the header of one answer in place.
func TestAnswersShareNoHeaderValues(t *testing.T) {
	env := newEnv(t)
	edit := env.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Cache-Control", "Vary", "Set-Cookie"} {
			for i := range w.Header()[name] {
				w.Header()[name][i] = "edited"
			}
		}
	}))
	for name, request := range map[string]func() *http.Request{
		"valid":     func() *http.Request { return env.signedInRequest("ada", "/x") },
		"refreshed": func() *http.Request { return env.expiredRequest("ada", "/x") },
		"anonymous": func() *http.Request { return pageRequest("/x") },
	} {
		edit.ServeHTTP(httptest.NewRecorder(), request())
		w := httptest.NewRecorder()
		env.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if vary := w.Header()["Vary"]; !slices.Equal(vary, []string{"Cookie"}) {
				t.Errorf("%s: the handler finds Vary %q", name, vary)
			}
		})).ServeHTTP(w, request())
		if all := fmt.Sprint(w.Header()); strings.Contains(all, "edited") {
			t.Errorf("%s: one answer has changed the next: %s", name, all)
		}
	}
}
