package cognitotest_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func TestOtherPaths(t *testing.T) {
	server := cognitotest.New(ada)
	ts := httptest.NewServer(server)
	defer ts.Close()
	server.SetURL(ts.URL)
	id := server.UserPool().ID
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 404},
		{"GET", "/" + id, 404},
		{"GET", "/eu-west-1_Other/.well-known/jwks.json", 400},
		{"POST", "/" + id + "/.well-known/jwks.json", 404},
		{"HEAD", "/" + id + "/.well-known/jwks.json", 200},
		{"GET", "/" + id + "/.well-known/jwks.json", 200},
		{"POST", "/other", 404},
	} {
		for name, client := range map[string]*http.Client{"port": ts.Client(), "memory": server.Client()} {
			r, err := http.NewRequest(c.method, ts.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil || resp.StatusCode != c.status {
				t.Errorf("%s: %s %s: %v, %v; want %d", name, c.method, c.path, resp, err, c.status)
				continue
			}
			if b, err := io.ReadAll(resp.Body); err != nil || (c.method == "HEAD") != (len(b) == 0) {
				t.Errorf("%s: %s %s: body %q, %v", name, c.method, c.path, b, err)
			}
			resp.Body.Close()
		}
	}
}

// TestBelowPath serves the user pool below a path of another server.
func TestBelowPath(t *testing.T) {
	server := cognitotest.New(ada)
	mux := http.NewServeMux()
	mux.Handle("/cognito/", http.StripPrefix("/cognito", server))
	ts := httptest.NewServer(mux)
	defer ts.Close()
	server.SetURL(ts.URL + "/cognito")
	for _, client := range []*http.Client{ts.Client(), server.Client()} {
		publishedKeys(t, client, server.UserPool().IssuerURL())
		if got := post(t, client, server.UserPool().Endpoint+"/", "GetUser", "{}"); got.Status != 400 {
			t.Errorf("%+v", got)
		}
	}
}

func TestCORS(t *testing.T) {
	server := cognitotest.New(ada)
	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Origin", "http://localhost:8080")
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "content-type,x-amz-target,x-amz-user-agent")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	h := w.Header()
	if w.Code != 200 || h.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") ||
		h.Get("Access-Control-Allow-Headers") != r.Header.Get("Access-Control-Request-Headers") {
		t.Errorf("preflight: %d, %v", w.Code, h)
	}

	r = httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.GetUser")
	w = httptest.NewRecorder()
	server.ServeHTTP(w, r)
	h = w.Header()
	if h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "x-amzn-ErrorType") ||
		h.Get("X-Amzn-Errortype") != "InvalidParameterException" || h.Get("X-Amzn-Requestid") == "" {
		t.Errorf("error: %v", h)
	}
}

type brokenBody struct{ closed bool }

func (*brokenBody) Read([]byte) (int, error) { return 0, errors.New("broken") }

func (b *brokenBody) Close() error { b.closed = true; return nil }

func TestUnreadableBodies(t *testing.T) {
	server := cognitotest.New(ada)
	body := new(brokenBody)
	if _, err := server.Client().Post(awsURL, "", body); err == nil || !body.closed {
		t.Errorf("%v, closed: %t", err, body.closed)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 2<<20))))
	if w.Code != http.StatusBadRequest {
		t.Errorf("a huge body: %d", w.Code)
	}
}
