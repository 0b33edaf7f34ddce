package tokens_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestKeySetFetchFollowsNoRedirect redirects the fetch of a key set to a genuine one, by
// HTTPS and by HTTP, over real connections. Whoever can answer there would be trusted.
func TestKeySetFetchFollowsNoRedirect(t *testing.T) {
	var followed atomic.Int64
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	keys := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed.Add(1)
		server.ServeHTTP(w, r)
	})
	plain := httptest.NewServer(keys)
	defer plain.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, target := range map[string]string{"another path": "/other", "plain HTTP": plain.URL} {
			mux := http.NewServeMux()
			mux.Handle("/other/", http.StripPrefix("/other", keys))
			mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target+r.URL.Path, status) })
			front := httptest.NewTLSServer(mux)
			server.SetURL(front.URL)
			followedByClient := false
			client := front.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { followedByClient = true; return nil }
			verifier, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: client})
			if err != nil {
				t.Fatal(err)
			}
			if token, err := verifier.Verify(t.Context(), server.Issue("ada").Access, tokens.Access); !errors.Is(err, tokens.ErrUnavailable) {
				t.Errorf("%d to %s: %v, %v", status, name, token, err)
			}
			if followed.Load() > 0 || followedByClient {
				t.Errorf("%d to %s: followed", status, name)
			}
			front.Close()
		}
	}
}
