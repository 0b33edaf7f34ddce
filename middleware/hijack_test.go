package middleware_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"testing"
)

// accessLogWriter is a writer around the guard's that has no Hijack. It leads to one that
// has, as http.ResponseController wants it.
type accessLogWriter struct{ http.ResponseWriter }

func (w accessLogWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestRefreshedCookiesAreOnAnUpgrade: the upstream of a proxy sends early hints, which
// clear the header, and takes the connection then.
func TestRefreshedCookiesAreOnAnUpgrade(t *testing.T) {
	tokensInCookies(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		rw.Flush()
		io.Copy(io.Discard, rw)
	}))
	defer upstream.Close()
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"net/http's writer": func(w http.ResponseWriter) http.ResponseWriter { return w },
		"an access log's":   func(w http.ResponseWriter) http.ResponseWriter { return accessLogWriter{w} },
	} {
		env := newEnv(t)
		guarded := env.auth.Protect(httputil.NewSingleHostReverseProxy(mustParse(upstream.URL)))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { guarded.ServeHTTP(wrap(w), r) }))
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: %s\r\n\r\n", env.expiredRequest("ada", "/ws").Header.Get("Cookie"))
		status, lines := "", make(map[string]int)
		for answer := bufio.NewReader(conn); ; {
			line, err := answer.ReadString('\n')
			if err != nil {
				t.Fatal(name, err)
			}
			if after, ok := strings.CutPrefix(line, "HTTP/1.1 "); ok {
				status = after[:3]
			}
			if strings.HasPrefix(line, "Set-Cookie: "+sessionCookiePrefix) {
				lines[status]++
			}
			if line == "\r\n" && status == "101" {
				break
			}
		}
		conn.Close()
		server.Close()
		if lines["101"] == 0 || lines["103"] > 0 {
			t.Errorf("%s: session cookies on the answers: %v", name, lines)
		}
	}
}

// TestEarlyHintsOfTwoAuths: behind a guard of one Auth the other begins a session. Its
// cookies are on the final answer alone.
func TestEarlyHintsOfTwoAuths(t *testing.T) {
	two := newTwoAuths(t, nil)
	server := httptest.NewServer(two.first.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := two.second.Sessions().Start(w, r, two.secondServer.Issue("grace")); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusEarlyHints)
	})))
	defer server.Close()
	hints := 0
	trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
		hints++
		if n := len(h["Set-Cookie"]); n > 0 {
			t.Errorf("%d has %d Set-Cookie lines", status, n)
		}
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if set, _ := changedCookies(resp); hints != 1 || len(set) < 4 {
		t.Errorf("%d early hints, cookies %v on the answer", hints, set)
	}
}
