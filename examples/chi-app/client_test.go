package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInterop drives the same routes with the real Amplify.
func TestAmplifyPage(t *testing.T) {
	d := newLocalDemo(t)
	d.client = d.server.AddClient("1emulatorforbrowsers", "")
	d.start(t)
	userPool := d.client.UserPool()
	page := d.ask("GET", "/amplify/").expect(t, 200, `data-user-pool-client-id="1emulatorforbrowsers"`, `data-user-pool-endpoint="`+userPool.Endpoint, `src="/amplify/client.js"`)
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self' "+userPool.Endpoint+";") {
		t.Errorf("Content-Security-Policy is %q", policy)
	}
	if policy := d.ask("GET", "/").Header.Get("Content-Security-Policy"); strings.Contains(policy, "connect-src 'self' ") {
		t.Errorf("another page may call the user pool too: %q", policy)
	}
	d.ask("GET", "/amplify/api/current-user").expect(t, http.StatusTemporaryRedirect).leadsTo(t, "/amplify/?next=%2Famplify%2Fapi%2Fcurrent-user")

	ask := func(method, path string) *response {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Sec-Fetch-Mode", "cors")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		d.client.SignIn(r, "ada")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		resp := w.Result()
		resp.Request = r
		return &response{resp, w.Body.String()}
	}
	ask("GET", "/amplify/api/current-user").expect(t, 200, `"username":"ada"`, `"refreshed":false`)
	if want := `path=/amplify/api/current-user status=200 took=\S+ decision=passed subject=[0-9a-f]`; !regexp.MustCompile(want).MatchString(d.log.String()) {
		t.Errorf("the access log lacks %s: %s", want, d.log.String())
	}
	if n := d.metric(t, "cognitogate_requests_total", "cognitogate_decision", `auth="amplify"`)["passed"]; n != 1 {
		t.Errorf("%d requests have passed the guards of Amplify's sessions, want 1", n)
	}
	ask("GET", "/apis/get-current-user").expect(t, http.StatusUnauthorized) // the other app client's
	out := ask("POST", "/amplify/api/sign-out").expect(t, http.StatusNoContent)
	if n := strings.Count(strings.Join(out.Header["Set-Cookie"], "\n"), "=; "); n < 4 {
		t.Errorf("the sign-out deletes %d cookies: %q", n, out.Header["Set-Cookie"])
	}
}

func TestClientFlag(t *testing.T) {
	dir := t.TempDir()
	err := run(t.Context(), []string{"-addr", "localhost:0", "-operator=", "-client", dir}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "has no client.js: build it, with npm ci") {
		t.Errorf("a directory without the program: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "client.js"), []byte("// built"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"-client", dir, "-routes"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/amplify/api/current-user   signed in", "/amplify/api/sign-out       – public –"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	var public []string
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "– public –") {
			public = append(public, strings.Fields(line)[1])
		}
	}
	if got, want := strings.Join(public, " "), "/ /amplify/ /amplify/api/sign-out /amplify/client.js /api/auth/* /call /gallery /healthz /static/{name}"; got != want {
		t.Errorf("public are %s\nwant %s", got, want)
	}
	if err := run(t.Context(), []string{"-client", dir, "-outputs", "amplify_outputs.json"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "give one of them") {
		t.Errorf("-client with -outputs: %v", err)
	}
}
