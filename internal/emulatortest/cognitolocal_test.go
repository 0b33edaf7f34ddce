package emulatortest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// endpoint is where the emulator pretends to be. Its port is chosen by the system, and
// the test's HTTP client connects to that.
const endpoint = "http://cognito.test"

var site = &url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}

// TestCognitoLocal has cognito-local issue, refresh and revoke the tokens of a session. Its
// user pools have ids without a region, and it has no GetTokensFromRefreshToken.
func TestCognitoLocal(t *testing.T) {
	if os.Getenv("INTEROP") == "" {
		t.Skip("make interop runs this: it installs cognito-local with npm")
	}
	e := startCognitoLocal(t)
	userPool := tokens.UserPool{ID: e.createUserPool(), Endpoint: endpoint}
	userPool.Issuer = endpoint + "/" + userPool.ID
	var client struct {
		UserPoolClient struct {
			ClientID string `json:"ClientId"`
		}
	}
	e.call("CreateUserPoolClient", map[string]any{"UserPoolId": userPool.ID, "ClientName": "test"}, &client)
	userPool.ClientID = client.UserPoolClient.ClientID
	e.createUser(userPool.ID)

	var answer struct {
		AuthenticationResult struct{ AccessToken, IDToken, RefreshToken string }
	}
	e.call("InitiateAuth", map[string]any{
		"ClientId": userPool.ClientID, "AuthFlow": "USER_PASSWORD_AUTH",
		"AuthParameters": map[string]string{"USERNAME": "ada", "PASSWORD": "Passw0rd!"},
	}, &answer)
	set := &tokens.Set{Access: answer.AuthenticationResult.AccessToken, ID: answer.AuthenticationResult.IDToken, Refresh: answer.AuthenticationResult.RefreshToken}

	newManager := func() *session.Manager {
		m, err := session.NewManager(session.Config{UserPool: userPool, HTTPClient: e.client, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m, b := newManager(), newBrowser(t)
	b.do(func(w http.ResponseWriter, r *http.Request) {
		s, err := m.Start(w, r, set)
		if err != nil {
			t.Fatal(err)
		}
		attributes, err := m.UserAttributes(r.Context(), s)
		if err != nil || attributes["email"] != "ada@example.com" {
			t.Errorf("attributes %v, %v", attributes, err)
		}
	})
	fetch := func(m *session.Manager, opts *session.FetchOptions) (s *session.Session, err error) {
		b.do(func(w http.ResponseWriter, r *http.Request) { s, err = m.Fetch(w, r, opts) })
		return s, err
	}
	s, err := fetch(m, nil)
	if err != nil || s.User().Username != "ada" || !s.InGroup("admins") || s.IDToken() == nil {
		t.Fatalf("the session: %v, %v", s, err)
	}
	before := s.AccessToken().Raw()
	for range 2 {
		if s, err = fetch(m, &session.FetchOptions{ForceRefresh: true}); err != nil || !s.InGroup("admins") || s.AccessToken().Raw() == before {
			t.Fatalf("a refresh: %v, %v", s, err)
		}
		before = s.AccessToken().Raw()
	}
	copied := newBrowser(t)
	copied.cookies.SetCookies(site, b.cookies.Cookies(site))
	b.do(func(w http.ResponseWriter, r *http.Request) {
		if err := m.End(w, r); err != nil {
			t.Error(err)
		}
	})
	if s, err := fetch(m, nil); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("after the sign-out: %v, %v", s, err)
	}
	b = copied // and another process, which has not heard of the sign-out
	if s, err := fetch(newManager(), &session.FetchOptions{ForceRefresh: true}); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("a copy of the cookies is refreshed: %v, %v", s, err)
	}
}

// cognitoLocal is a running cognito-local.
type cognitoLocal struct {
	t      *testing.T
	client *http.Client
}

// startCognitoLocal starts the emulator, and stops it at the end of the test.
func startCognitoLocal(t *testing.T) *cognitoLocal {
	t.Helper()
	program, err := filepath.Abs("npm/node_modules/cognito-local/lib/bin/start.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		longtest.CannotRun(t, "cognito-local is not installed: make interop installs it")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".cognito"), 0o755); err != nil {
		t.Fatal(err)
	}
	config := `{"TokenConfig":{"IssuerDomain":"` + endpoint + `"},"UserPoolDefaults":{"UsernameAttributes":[]}}`
	if err := os.WriteFile(filepath.Join(dir, ".cognito", "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", program)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "HOST=127.0.0.1", "PORT=0"), t.Output()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		longtest.CannotRun(t, "node does not start: "+err.Error())
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	running, address := regexp.MustCompile(`running on http://(\S+:\d+)`), ""
	lines := bufio.NewScanner(out)
	for address == "" && lines.Scan() {
		if match := running.FindSubmatch(lines.Bytes()); match != nil {
			address = string(match[1])
		}
	}
	if address == "" {
		t.Fatalf("cognito-local does not say where it listens: %v", lines.Err())
	}
	go io.Copy(io.Discard, out)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return &cognitoLocal{t, &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// call calls an operation of the user pool API. out may be nil.
func (e *cognitoLocal) call(op string, in, out any) {
	e.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		e.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	resp, err := e.client.Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		e.t.Fatalf("%s: %s %s, %v", op, resp.Status, text, err)
	}
}

// createUserPool returns the id of a new user pool.
func (e *cognitoLocal) createUserPool() string {
	e.t.Helper()
	var out struct {
		UserPool struct {
			ID string `json:"Id"`
		}
	}
	e.call("CreateUserPool", map[string]any{"PoolName": "test"}, &out)
	return out.UserPool.ID
}

// createUser creates ada, an admin.
func (e *cognitoLocal) createUser(userPoolID string) {
	e.t.Helper()
	type attribute struct{ Name, Value string }
	e.call("AdminCreateUser", map[string]any{
		"UserPoolId": userPoolID, "Username": "ada", "MessageAction": "SUPPRESS",
		"UserAttributes": []attribute{{"email", "ada@example.com"}, {"email_verified", "true"}},
	}, nil)
	e.call("AdminSetUserPassword", map[string]any{"UserPoolId": userPoolID, "Username": "ada", "Password": "Passw0rd!", "Permanent": true}, nil)
	e.call("CreateGroup", map[string]any{"UserPoolId": userPoolID, "GroupName": "admins"}, nil)
	e.call("AdminAddUserToGroup", map[string]any{"UserPoolId": userPoolID, "Username": "ada", "GroupName": "admins"}, nil)
}

// browser keeps the cookies of a site.
type browser struct {
	t       *testing.T
	cookies http.CookieJar
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, jar}
}

// do has a handler answer a request for a page.
func (b *browser) do(handler http.HandlerFunc) {
	r := httptest.NewRequest(http.MethodGet, site.String(), nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	for _, c := range b.cookies.Cookies(site) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	handler(w, r)
	b.cookies.SetCookies(site, w.Result().Cookies())
}
