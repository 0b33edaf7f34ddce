package middleware_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"testing"
)

// TestUploadsAreDeleted: net/http deletes the files of uploads when a handler returns, and
// looks for them on the request that it made.
func TestUploadsAreDeleted(t *testing.T) {
	env := newEnv(t)
	for name, guard := range map[string]func(http.Handler) http.Handler{
		"Protect": env.auth.Protect, "Require": env.auth.Require, "Load": env.auth.Load,
		"RequireGroup":        env.auth.RequireGroup("admins"),
		"Protect and Require": func(h http.Handler) http.Handler { return env.auth.Protect(env.auth.Require(h)) },
	} {
		t.Setenv("TMPDIR", t.TempDir())
		server := httptest.NewServer(guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseMultipartForm(1); err != nil {
				t.Error(err)
			}
			if files := tempFiles(t); files != 1 {
				t.Errorf("%s: %d files while the handler runs", name, files)
			}
		})))
		for _, signed := range []func(user, target string) *http.Request{env.signedInRequest, env.expiredRequest} {
			var body bytes.Buffer
			form := multipart.NewWriter(&body)
			part, err := form.CreateFormFile("file", "name")
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(part, "more than ParseMultipartForm's limit")
			form.Close()
			r, err := http.NewRequest("POST", server.URL+"/x", &body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", form.FormDataContentType())
			r.Header.Set("Cookie", signed("ada", "/x").Header.Get("Cookie"))
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		server.Close()
		if files := tempFiles(t); files != 0 {
			t.Errorf("%s: %d files are left", name, files)
		}
	}
}

func tempFiles(t *testing.T) int {
	files, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Error(err)
	}
	return len(files)
}

// TestNotesReachTheOuterRequest: a handler in front of the guard finds what net/http's
// router and the handlers have noted on the request, also after a panic.
func TestNotesReachTheOuterRequest(t *testing.T) {
	env := newEnv(t)
	for _, panics := range []bool{false, true} {
		for name, request := range map[string]func(user, target string) *http.Request{
			"valid": env.signedInRequest, "refreshed": env.expiredRequest,
		} {
			r := request("ada", "/users/7?a=1")
			mux := http.NewServeMux()
			mux.HandleFunc("/users/{id}", func(_ http.ResponseWriter, r *http.Request) {
				r.ParseForm()
				r.MultipartForm = new(multipart.Form)
				if panics {
					panic("on purpose")
				}
			})
			recoverer(env.auth.Protect(env.auth.Require(mux))).ServeHTTP(httptest.NewRecorder(), r)
			if r.Pattern != "/users/{id}" || r.MultipartForm == nil || r.Form.Get("a") != "1" {
				t.Errorf("%s, panics %v: Pattern %q, MultipartForm %v, Form %v", name, panics, r.Pattern, r.MultipartForm, r.Form)
			}
		}
	}
}

// TestTooLargeBodies: without an end of the connection, the client would go on to send.
func TestTooLargeBodies(t *testing.T) {
	env := newEnv(t)
	for protocol, server := range protocolServers(t, env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 10))
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}
	}))) {
		requests := 0
		for _, size := range []int64{5, 1 << 10} {
			for _, refreshed := range []bool{true, false} {
				r, err := http.NewRequest("POST", server.URL+"/x", strings.NewReader(strings.Repeat("x", int(size))))
				if err != nil {
					t.Fatal(err)
				}
				signed := env.signedInRequest
				if refreshed {
					signed = env.expiredRequest
				}
				r.Header.Set("Cookie", signed("ada", "/x").Header.Get("Cookie"))
				reused := false
				trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
				resp, err := server.Client().Do(r.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if requests++; protocol == "HTTP/2.0" && reused != (requests > 1) {
					t.Errorf("%s: the connection was closed", protocol)
				}
				if want := size > 10 && protocol == "HTTP/1.1"; resp.Close != want || resp.StatusCode != map[bool]int{true: 413, false: 200}[size > 10] {
					t.Errorf("%s, %d bytes, refreshed %v: status %d, closes the connection: %v", protocol, size, refreshed, resp.StatusCode, resp.Close)
				}
			}
		}
	}
}
