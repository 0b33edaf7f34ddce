package middleware_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// oauthClient is a client of the Model Context Protocol in small. It knows a resource's
// URL, its own id and the RFCs, and nothing of this library.
type oauthClient struct {
	*testing.T
	http        *http.Client
	id          string
	redirectURI string
	browser     func(authorizationURL string) (redirect string) // signs the user in
	token       string
}

// post calls a resource. Without a token, or for want of a scope, it gets one as the
// challenge says, and tries again.
func (c *oauthClient) post(resource string) string {
	c.Helper()
	for range 2 {
		req, _ := http.NewRequest("POST", resource, strings.NewReader(`{"jsonrpc":"2.0"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		resp, body := c.do(req)
		if resp.StatusCode == http.StatusOK {
			return body
		}
		challenge := c.parseChallenge(resp.Header.Get("WWW-Authenticate"))
		switch {
		case resp.StatusCode == 401 && c.token == "" && challenge["error"] == "":
		case resp.StatusCode == 401 && challenge["error"] == "invalid_token":
		case resp.StatusCode == 403 && challenge["error"] == "insufficient_scope" && challenge["scope"] != "":
		default:
			c.Fatalf("%d, %q", resp.StatusCode, challenge)
		}
		c.authorize(resource, challenge)
	}
	c.Fatal("refused after a sign-in")
	return ""
}

// authorize gets a token with the code grant and PKCE (RFC 6749 §4.1, RFC 7636) for the
// resource (RFC 8707).
func (c *oauthClient) authorize(resource string, challenge map[string]string) {
	c.Helper()
	server := c.authorizationServer(resource, challenge["resource_metadata"])
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {c.redirectURI}, "state": {state}, "resource": {resource},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if challenge["scope"] != "" {
		q.Set("scope", challenge["scope"])
	}
	back, err := url.Parse(c.browser(server["authorization_endpoint"].(string) + "?" + q.Encode()))
	if err != nil || back.Query().Get("state") != state || back.Query().Get("code") == "" {
		c.Fatalf("the browser comes back to %s", back)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {c.redirectURI},
		"client_id": {c.id}, "code_verifier": {verifier}, "resource": {resource}}
	req, _ := http.NewRequest("POST", server["token_endpoint"].(string), strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, body := c.do(req)
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || !strings.EqualFold(answer.TokenType, "Bearer") {
		c.Fatalf("%d %s", resp.StatusCode, body)
	}
	c.token = answer.AccessToken
}

// authorizationServer finds the metadata of the authorization server of a resource, by the
// metadata of the resource.
func (c *oauthClient) authorizationServer(resource, metadataURL string) map[string]any {
	c.Helper()
	u, err := url.Parse(resource)
	if err != nil {
		c.Fatal(err)
	}
	// RFC 9728 §3.1: without a challenge, the URL is made of the resource's.
	if made := u.Scheme + "://" + u.Host + "/.well-known/oauth-protected-resource" + strings.TrimSuffix(u.Path, "/"); made != metadataURL {
		c.Errorf("the metadata is at %q, not at %q", metadataURL, made)
	}
	metadata, ok := c.document(metadataURL)
	if !ok || metadata["resource"] != resource { // §3.3
		c.Fatalf("%s says %v of %s", metadataURL, metadata, resource)
	}
	for _, issuer := range metadata["authorization_servers"].([]any) {
		u, err := url.Parse(issuer.(string))
		if err != nil || u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			c.Fatalf("issuer %s: %v", issuer, err)
		}
		for _, candidate := range []string{
			u.Scheme + "://" + u.Host + "/.well-known/oauth-authorization-server" + u.Path, // RFC 8414 §3.1
			u.Scheme + "://" + u.Host + "/.well-known/openid-configuration" + u.Path,       // RFC 8414 §5
			u.String() + "/.well-known/openid-configuration",                               // OpenID Connect Discovery §4
		} {
			if server, ok := c.document(candidate); ok {
				if server["issuer"] != issuer { // RFC 8414 §3.3
					c.Fatalf("%s is that of %v", candidate, server["issuer"])
				}
				return server
			}
		}
	}
	c.Fatalf("no authorization server in %v", metadata)
	return nil
}

// document gets a JSON object.
func (c *oauthClient) document(from string) (object map[string]any, ok bool) {
	c.Helper()
	req, err := http.NewRequest("GET", from, nil)
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, body := c.do(req)
	return object, resp.StatusCode == 200 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") && json.Unmarshal([]byte(body), &object) == nil
}

func (c *oauthClient) do(req *http.Request) (*http.Response, string) {
	c.Helper()
	resp, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	return resp, string(body)
}

// parseChallenge parses a challenge of the scheme Bearer with quoted parameters (RFC 9110
// §11.6.1). RFC 6750 §3 allows each once, and few characters in a description.
func (c *oauthClient) parseChallenge(text string) map[string]string {
	c.Helper()
	params := make(map[string]string)
	rest, ok := strings.CutPrefix(text, "Bearer ")
	for ok && rest != "" {
		var name, value string
		name, rest, ok = strings.Cut(rest, `="`)
		value, rest, _ = strings.Cut(rest, `"`)
		rest = strings.TrimPrefix(rest, ", ")
		if _, twice := params[name]; twice || strings.Contains(value, `\`) || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			ok = false
		}
		params[name] = value
	}
	if !ok || len(params) == 0 {
		c.Fatalf("%q is no challenge", text)
	}
	return params
}

// hostRouter sends requests for appOrigin to a handler, and others to Cognito.
type hostRouter struct {
	app     http.Handler
	cognito http.RoundTripper
}

func (h hostRouter) RoundTrip(req *http.Request) (*http.Response, error) {
	if "https://"+req.URL.Host != appOrigin {
		return h.cognito.RoundTrip(req)
	}
	r := httptest.NewRequest(req.Method, req.URL.RequestURI(), req.Body)
	r.Host, r.Header = req.URL.Host, req.Header.Clone()
	w := httptest.NewRecorder()
	h.app.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestOAuthClientFindsItsAuthorizationServer has a client call a resource that it knows
// nothing about, and a tool there that wants another scope.
func TestOAuthClientFindsItsAuthorizationServer(t *testing.T) {
	clientID := "2mcp" + rand.Text()
	env := newEnv(t, asAPI, func(cfg *cognito.Config) {
		cfg.BearerClients, cfg.Matcher = []string{clientID}, []string{"/((?!mcp).*)"}
		cfg.Audience = []string{mcpResource, mcpResource + "/tools"}
	})
	mcp := env.server.AddClient(clientID, "")
	mcp.SetLogin(cognitotest.Login{Scopes: []string{"openid", "mcp/call", "mcp/tools"}, RequirePKCE: true, RedirectURIs: []string{"http://127.0.0.1/callback"}})

	router := chi.NewRouter()
	router.Use(env.auth.Protect)
	router.Mount(wellKnown, env.auth.ResourceMetadata("mcp/call", "mcp/tools"))
	whoami := func(w http.ResponseWriter, r *http.Request) {
		s := env.auth.Session(r)
		fmt.Fprintf(w, "%s by %s for %s", s.User().Username, s.AccessToken().ClientID(), s.AccessToken().Audience())
	}
	router.With(env.auth.RequireScope("mcp/call")).Post("/mcp", whoami)
	router.With(env.auth.RequireScope("mcp/tools")).Post("/mcp/tools", whoami)

	client := &oauthClient{T: t, id: clientID, redirectURI: "http://127.0.0.1/callback"}
	client.http = &http.Client{
		Transport:     hostRouter{router, env.server.Client().Transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	signIns := 0
	client.browser = func(authorizationURL string) string {
		signIns++
		u, err := url.Parse(authorizationURL)
		if err != nil {
			t.Fatal(err)
		}
		// Cognito binds the access token to the resource that is asked for.
		redirect, err := mcp.Authorize(authorizationURL, "ada", withClaim("aud", u.Query().Get("resource")))
		if err != nil {
			t.Fatal(err)
		}
		return redirect
	}
	for _, call := range []struct {
		resource string
		signIns  int
	}{
		{mcpResource, 1}, {mcpResource, 1}, // the token serves again
		{mcpResource + "/tools", 2}, {mcpResource + "/tools", 2},
	} {
		if got, want := client.post(call.resource), "ada by "+clientID+" for "+call.resource; got != want || signIns != call.signIns {
			t.Errorf("%s: %q after %d sign-ins, want %q", call.resource, got, signIns, want)
		}
	}
	// The same token is none of the session's cookies.
	r := scriptRequest("/mcp")
	addSession(r, env.server, "ada", &tokens.Set{Access: client.token})
	if resp := answerOf(env.auth.Require, r); resp.StatusCode != 401 {
		t.Errorf("in a cookie: %d", resp.StatusCode)
	}
	// Another resource of the user pool cannot use its users' tokens here.
	stolen := mcp.Issue("ada", withClaim("aud", "https://evil.example"), withScope("mcp/call")).Access
	if resp := answerOf(env.auth.Require, bearerRequest("POST", "/mcp", stolen)); resp.StatusCode != 401 ||
		!strings.Contains(resp.Header.Get("WWW-Authenticate"), "another resource") {
		t.Errorf("bound to another resource: %d %v", resp.StatusCode, resp.Header)
	}
	// In a cookie neither, and the session that holds it is over.
	bound := env.server.Issue("ada", withClaim("aud", "https://evil.example"))
	r = pageRequest("/mcp")
	addSession(r, env.server, "ada", bound)
	if s, err := env.auth.Sessions().Fetch(httptest.NewRecorder(), r, nil); s != nil || err == nil {
		t.Errorf("in a cookie: %v, %v", s, err)
	} else if calls := env.calls(opRefresh); !errors.Is(err, tokens.BadAudience) || calls > 0 {
		t.Errorf("in a cookie: %v, %d refreshes", err, calls)
	}
}
