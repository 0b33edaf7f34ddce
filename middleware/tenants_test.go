package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// tenants is the recipe of docs/tenants.md: one Auth for each host, chosen by the host.
type tenants map[string]http.Handler

func (sites tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	site := sites[strings.ToLower(r.Host)]
	if site == nil {
		http.Error(w, "There is no such site.", http.StatusMisdirectedRequest)
		return
	}
	site.ServeHTTP(w, r)
}

// TestTenants shows the session of one tenant at the hosts of all.
func TestTenants(t *testing.T) {
	env := newEnv(t)
	servers := map[string]*cognitotest.Server{
		"red.example.com":  env.server, // two app clients of one pool
		"blue.example.com": env.server.AddClient("4blue", ""),
		"gold.example.com": otherUserPool(),
	}
	otherUserPool().SetUser(cognitotest.User{Username: "ada"})
	sites := make(tenants)
	for host, server := range servers {
		auth := env.newAuthAt(server, func(cfg *cognito.Config) {
			cfg.Origin, cfg.Secret, cfg.Now = "https://"+host, routesSecret, time.Now
		})
		mux := http.NewServeMux()
		mux.Handle("/api/auth/", auth.Routes())
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, host, ": ", auth.Session(r).User().Username)
		})
		sites[host] = auth.Protect(mux)
	}
	get := func(host, target, cookies string) *http.Response {
		r := pageRequest(target)
		r.Host = host
		if cookies != "" {
			r.Header.Set("Cookie", cookies)
		}
		w := httptest.NewRecorder()
		sites.ServeHTTP(w, r)
		return w.Result()
	}
	for owner, server := range servers {
		r := pageRequest("/")
		server.SignIn(r, "ada")
		for host := range servers {
			resp := get(host, "/orders", r.Header.Get("Cookie"))
			set, cleared := changedCookies(resp)
			if owner == host && (resp.StatusCode != 200 || readBody(t, resp) != host+": ada") || owner != host && resp.StatusCode != 307 || len(set)+len(cleared) > 0 {
				t.Errorf("%s's session at %s: %d, %v %v", owner, host, resp.StatusCode, set, cleared)
			}
		}
		// A sign-in that one tenant has begun is of no use at another.
		begun := get(owner, "/api/auth/sign-in?next=/orders", "")
		authorize := mustParse(begun.Header.Get("Location"))
		if redirectURI := authorize.Query().Get("redirect_uri"); redirectURI != "https://"+owner+"/api/auth/sign-in-callback" {
			t.Errorf("%s: %s", owner, redirectURI)
		}
		to, err := server.Authorize(authorize.String(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		var flow []string
		for _, c := range begun.Cookies() {
			flow = append(flow, c.Name+"="+c.Value)
		}
		for host := range servers {
			if resp := get(host, to, strings.Join(flow, "; ")); (resp.StatusCode == 302) != (owner == host) || (sessionUserAt(server, resp) != "") != (owner == host) {
				t.Errorf("%s's flow at %s: %d", owner, host, resp.StatusCode)
			}
		}
	}
	for _, host := range []string{"", "example.com", "red.example.com.", "red.example.com:8443", "evil.example", "red.example.com, blue.example.com"} {
		if resp := get(host, "/orders", ""); resp.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%q: %d", host, resp.StatusCode)
		}
	}
	if resp := get("RED.example.com", "/orders", ""); resp.StatusCode != 307 {
		t.Errorf("capitals: %d", resp.StatusCode)
	}
}
