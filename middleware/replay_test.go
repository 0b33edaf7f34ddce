package middleware_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// routeRecord is one record of testdata/amplify/routes.json: an answer of the real
// Amplify's routes.
type routeRecord struct {
	Name   string
	Now    int64
	Config struct {
		UserPoolID, ClientID string
		OAuth                *struct {
			Domain                                  string
			Scopes, RedirectSignIn, RedirectSignOut []string
		}
		AppOrigin      string
		RuntimeOptions struct {
			Cookies struct {
				Domain, SameSite string
				MaxAge           int
				Expires          time.Time
			}
		}
	}
	HandlerInput struct{ CustomState, RedirectOnSignInComplete, RedirectOnSignOutComplete string }
	Slug         any // a list, or nothing, for paths that are no route
	Request      struct {
		Method, URL string
		Headers     map[string]string
	}
	JWKS           map[string]json.RawMessage
	Cognito, OAuth []recordedExchange
	Response       struct {
		Status    int
		Headers   map[string]string
		SetCookie []string
		Body      string
	}
	Error *struct{ Stage, Message string }
}

type recordedExchange struct {
	Expect struct {
		URL    string
		Target string
		Body   json.RawMessage // an object of the API, or a form as a string
	}
	Reply struct {
		Status       int
		Headers      map[string]any
		Body         json.RawMessage
		Raw          string
		NetworkError bool
	}
}

// routeResult is the result of a record that a browser and Cognito can see.
type routeResult struct {
	Status  int               `json:",omitempty"` // 0: refused at start
	To      string            `json:",omitempty"` // where the answer leads
	Params  map[string]string `json:",omitempty"` // the query of another site's URL
	Cookies map[string]string `json:",omitempty"` // changes
	Calls   []string          `json:",omitempty"` // to Cognito
}

func (a routeResult) equal(b routeResult) bool {
	return a.Status == b.Status && a.To == b.To && maps.Equal(a.Params, b.Params) && maps.Equal(a.Cookies, b.Cookies) && slices.Equal(a.Calls, b.Calls)
}

func (a routeResult) String() string {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// routeDeviation is an entry of routes-deviations.json: a difference on purpose, and the
// decision behind it.
type routeDeviation struct {
	Record, Decision, Text string
	Ours                   routeResult
}

// TestReplayRoutes replays every record. The result must be the same or a listed
// deviation.
func TestReplayRoutes(t *testing.T) {
	amplifyOnly(t)
	var records []routeRecord
	readAmplify(t, "routes.json", &records)
	var list []routeDeviation
	readAmplify(t, "routes-deviations.json", &list)
	deviations := make(map[string]routeDeviation)
	for _, d := range list {
		deviations[d.Record] = d
	}
	delete(deviations, "*") // for every record: see browserView
	for _, rec := range records {
		t.Run(rec.Name, func(t *testing.T) {
			got, recorded := rec.replay(t), rec.recorded(t)
			d, deviates := deviations[rec.Name]
			delete(deviations, rec.Name)
			same := got.equal(recorded)
			if !deviates {
				if !same {
					t.Errorf("got      %v\nrecorded %v", got, recorded)
				}
				return
			}
			if same {
				t.Errorf("the deviation %q is stale: we do what Amplify does", d.Text)
			}
			got.Cookies = withoutValues(got.Cookies)
			if !got.equal(d.Ours) {
				t.Errorf("got  %v\nwant %v: %s (%s)", got, d.Ours, d.Text, d.Decision)
			}
		})
	}
	for name := range deviations {
		t.Errorf("deviation of an unknown record %q", name)
	}
}

func readAmplify(t testing.TB, file string, v any) {
	t.Helper()
	text, err := os.ReadFile("../testdata/amplify/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(file, ": ", err)
	}
}

// newRoutes returns Routes with the record's configuration.
func (rec *routeRecord) newRoutes(server *recordedCognito) (routes http.Handler, err error) {
	c := rec.Config
	cfg := cognito.Config{
		UserPool:    cognito.UserPool{ID: c.UserPoolID, ClientID: c.ClientID, Endpoint: recordedEndpoint},
		Origin:      c.AppOrigin,
		Secret:      routesSecret,
		AfterSignIn: rec.HandlerInput.RedirectOnSignInComplete, AfterSignOut: rec.HandlerInput.RedirectOnSignOutComplete,
		HTTPClient: &http.Client{Transport: server},
		Now:        func() time.Time { return time.UnixMilli(rec.Now) },
	}
	withLog(new(strings.Builder))(&cfg)
	cookies := c.RuntimeOptions.Cookies
	cfg.Cookies.Domain, cfg.Cookies.MaxAge = cookies.Domain, time.Duration(cookies.MaxAge)*time.Second
	if !cookies.Expires.IsZero() {
		cfg.Cookies.MaxAge = cookies.Expires.Sub(cfg.Now())
	}
	cfg.Cookies.SameSite = http.SameSiteStrictMode // Amplify's default with an origin
	if cookies.SameSite == "lax" {
		cfg.Cookies.SameSite = http.SameSiteLaxMode
	}
	if c.OAuth != nil {
		cfg.UserPool.Domain = c.OAuth.Domain
		if c.AppOrigin != "" {
			outputs := cognito.Outputs{OAuth: cognito.OAuth{Scopes: c.OAuth.Scopes, RedirectSignIn: c.OAuth.RedirectSignIn, RedirectSignOut: c.OAuth.RedirectSignOut}}
			if cfg.Login, err = outputs.Login(c.AppOrigin, ""); err != nil {
				return nil, err
			}
		}
	}
	cfg.Login.State = func(*http.Request) string { return rec.HandlerInput.CustomState }
	auth, err := cognito.New(cfg)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("Routes panics: %v", r)
		}
	}()
	return auth.Routes(), nil
}

// replay runs a record against our Routes. For a callback it first starts the sign-in
// or the sign-out.
func (rec *routeRecord) replay(t *testing.T) routeResult {
	t.Helper()
	server := newRecordedCognito(t, rec)
	routes, err := rec.newRoutes(server)
	if err != nil {
		return routeResult{To: "refused at start"}
	}
	target := rec.Request.URL
	cookies := rec.Request.Headers["cookie"]
	held := heldCookies(cookies)
	var lines []string
	switch {
	case rec.Slug == "sign-in-callback":
		authorize, flow := rec.startFlow(t, routes)
		server.expectFlow(authorize)
		// Our flow's cookie stands for both of Amplify's cookies.
		if held["com.amplify.server_auth.pkce"] && held["com.amplify.server_auth.state"] {
			cookies += "; " + flow
		}
		target = strings.Replace(target, "state=st4te", "state="+authorize.Query().Get("state"), 1)
	case rec.Slug == "sign-out-callback" && held["com.amplify.server_auth.isSigningOut"]:
		resp := serveRoutes(routes, "GET", strings.TrimSuffix(target, "-callback"), cookies)
		if resp.StatusCode != http.StatusFound {
			t.Errorf("sign-out: %d", resp.StatusCode)
		}
		lines = resp.Header["Set-Cookie"]
	}
	resp := serveRoutes(routes, rec.Request.Method, target, cookies)
	got := browserView(t, rec, resp.StatusCode, resp.Header.Get("Location"), readBody(t, resp), cookies, append(lines, resp.Header["Set-Cookie"]...))
	got.Calls = server.calls
	if got.Params["nonce"] != "" {
		if got.Params["nonce"] != "random" {
			t.Errorf("nonce %q", got.Params["nonce"])
		}
		delete(got.Params, "nonce") // Amplify sends none
	}
	return got
}

// startFlow starts a sign-in and returns the authorization request and the flow's
// cookie.
func (rec *routeRecord) startFlow(t *testing.T, routes http.Handler) (authorize *url.URL, cookie string) {
	t.Helper()
	resp := serveRoutes(routes, "GET", rec.Config.AppOrigin+"/api/auth/sign-in", "")
	for _, c := range resp.Cookies() {
		if strings.Contains(c.Name, "cognitogate.flow.") {
			cookie = c.Name + "=" + c.Value
		}
	}
	if cookie == "" {
		t.Fatalf("sign-in: %d", resp.StatusCode)
	}
	return mustParse(resp.Header.Get("Location")), cookie
}

func serveRoutes(routes http.Handler, method, target, cookies string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	w := httptest.NewRecorder()
	routes.ServeHTTP(w, r)
	return w.Result()
}

// recorded returns the result that the record holds.
func (rec *routeRecord) recorded(t *testing.T) routeResult {
	if e := rec.Error; e != nil {
		// Amplify reports a mistake of the configuration at the first request.
		if e.Stage != "handle" || strings.HasPrefix(e.Message, "No valid redirect") {
			return routeResult{To: "refused at start"}
		}
	}
	r := rec.Response
	if rec.Error != nil {
		r.Status = http.StatusInternalServerError // what Next.js makes of an exception
	}
	want := browserView(t, rec, r.Status, r.Headers["location"], r.Body, rec.Request.Headers["cookie"], r.SetCookie)
	for _, e := range rec.Cognito {
		want.Calls = append(want.Calls, callOf(e.Expect.Target, e.Expect.Body))
	}
	for _, e := range rec.OAuth {
		var form string
		if err := json.Unmarshal(e.Expect.Body, &form); err != nil {
			t.Fatal(err)
		}
		want.Calls = append(want.Calls, callOf(e.Expect.URL, []byte(form)))
	}
	return want
}
