package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

const reasonHeader = "Cognitogate-Reason"

var loggedReason = regexp.MustCompile(`level=DEBUG .* reason=(\w+) detail="((?:[^"\\]|\\.)*)"`)

var notASCII = regexp.MustCompile(`[^ -~]`)

// decisionOf returns the decision that a status of ServeError means.
func decisionOf(status int) cognito.Decision {
	return map[int]cognito.Decision{
		307: cognito.DecisionRedirected, 303: cognito.DecisionRedirected, 401: cognito.DecisionRefused,
		403: cognito.DecisionForbidden, 503: cognito.DecisionUnavailable,
	}[status]
}

// TestReasonHeader has guards refuse requests in every way. The header, the log and the hook
// have one word for it, and the header has the words of the log, in ASCII.
func TestReasonHeader(t *testing.T) {
	var log strings.Builder
	var told []cognito.GuardDecision
	env := newEnv(t, withDebugLog(&log), func(cfg *cognito.Config) {
		cfg.ReasonHeader = true
		cfg.Hooks.Served = func(_ context.Context, d cognito.GuardDecision) { told = append(told, d) }
	})
	defer env.server.SetFault(nil)
	request := func(method, target string, header ...string) *http.Request {
		r := httptest.NewRequest(method, target, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	expired := env.expiredRequest("ada", "/dashboard")
	foreign := pageRequest("/dashboard")
	env.server.SignIn(foreign, "ada", func(d *cognitotest.Draft) {
		d.Claims["iss"] = "https://évil.example/\r\nSet-Cookie: a=b\u2028\x00" + strings.Repeat("ж", 999)
	})
	for name, c := range map[string]struct {
		request *http.Request
		fault   string // the operation that fails, if any
		status  int
		want    string
	}{
		"a page":         {pageRequest("/dashboard"), "", 307, "no_cookies: no cookies"},
		"a form":         {request("POST", "/dashboard", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html"), "", 303, "no_cookies: no cookies"},
		"a script":       {scriptRequest("/api/private"), "", 401, "no_cookies: no cookies"},
		"a prefetch":     {request("GET", "/dashboard", "Sec-Purpose", "prefetch", "Sec-Fetch-Mode", "navigate"), "", 401, "no_cookies: no cookies"},
		"a group":        {env.signedInRequest("grace", "/admin"), "", 403, "group: the session is not allowed by group admins"},
		"another issuer": {foreign, "", 307, `bad_issuer: access token is refused: bad issuer: iss "https://?vil.example/`},
		"an outage":      {expired, opRefresh, 503, "unavailable: Cognito is unavailable: GetTokensFromRefreshToken: "},
		"HEAD":           {request("HEAD", "/dashboard", "Accept", "application/json"), "", 401, "no_cookies: no cookies"},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			told = nil
			env.server.SetFault(nil)
			if c.fault != "" {
				env.server.SetFault(failing(c.fault))
			}
			resp := env.do(c.request)
			lines := resp.Header[reasonHeader]
			if resp.StatusCode != c.status || len(lines) != 1 || !strings.HasPrefix(lines[0], c.want) {
				t.Fatalf("status %d, reason %q; want %d and %q", resp.StatusCode, lines, c.status, c.want)
			}
			if got := lines[0]; len(got) > 330 || notASCII.MatchString(got) ||
				strings.Contains(got, "eyJ") || strings.Contains(got, "ada") || strings.Contains(got, "grace") {
				t.Errorf("the header is too long, is not ASCII or shows the user: %q", got)
			}
			logged := loggedReason.FindStringSubmatch(log.String())
			if logged == nil {
				t.Fatalf("the log: %s", &log)
			}
			detail, err := strconv.Unquote(`"` + logged[2] + `"`)
			if ascii := notASCII.ReplaceAllString(logged[1]+": "+detail, "?"); err != nil || ascii != lines[0] {
				t.Errorf("the header has %q, the log %s", lines[0], &log)
			}
			if len(told) != 1 || string(told[0].Reason) != logged[1] || told[0].Decision != decisionOf(c.status) {
				t.Errorf("the hook is told %v, the log has %s", told, &log)
			}
		})
	}
	env.server.SetFault(nil)

	for name, r := range map[string]*http.Request{
		"passed": env.signedInRequest("ada", "/dashboard"), "public": pageRequest("/api/other"), "anonymous": pageRequest("/api/public"),
	} {
		if resp := env.do(r); resp.StatusCode != 200 || resp.Header[reasonHeader] != nil {
			t.Errorf("%s: status %d, reason %q", name, resp.StatusCode, resp.Header[reasonHeader])
		}
	}

	off := newEnv(t)
	for _, r := range []*http.Request{pageRequest("/dashboard"), scriptRequest("/dashboard"), off.signedInRequest("grace", "/admin")} {
		if resp := off.do(r); resp.StatusCode == 200 || resp.Header[reasonHeader] != nil {
			t.Errorf("by default: status %d, reason %q", resp.StatusCode, resp.Header[reasonHeader])
		}
	}
}

// TestReasonHeaderOnPages: a page of Config.Page, the page instead of a loop, and the answer
// of another ErrorHandler have the header too.
func TestReasonHeaderOnPages(t *testing.T) {
	loop := newAuth(t, func(cfg *cognito.Config) { cfg.ReasonHeader = true })
	cleared := newAuth(t, func(cfg *cognito.Config) {
		cfg.ReasonHeader = true
		cfg.Page = func(w http.ResponseWriter, _ *http.Request, _ *cognito.Page) {
			clear(w.Header())
			w.Write([]byte("own"))
		}
	})
	handled := newAuth(t, func(cfg *cognito.Config) {
		cfg.ReasonHeader = true
		cfg.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { http.Error(w, "own", http.StatusTeapot) }
	})
	for name, c := range map[string]struct {
		handler http.Handler
		target  string
		status  int
		want    string
	}{
		"loop":         {loop.Require(http.NotFoundHandler()), "/sign-in", 400, "sign_in_guarded: no cookies"},
		"own page":     {cleared.Require(http.NotFoundHandler()), "/sign-in", 400, "sign_in_guarded: no cookies"},
		"ErrorHandler": {handled.Require(http.NotFoundHandler()), "/", http.StatusTeapot, "no_cookies: no cookies"},
		"own guard": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := loop.Sessions().Fetch(w, r, nil)
			loop.ServeError(w, r, err)
		}), "/", 307, "no_cookies: no cookies"},
		"own refusal": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			loop.ServeError(w, r, cognito.ErrForbidden)
		}), "/", 403, "func: the program does not allow the session"},
		"own outage": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			loop.ServeError(w, r, tokens.ErrUnavailable)
		}), "/", 503, "unavailable: Cognito is unavailable"},
		"another Auth inside": {loop.Load(handled.Require(http.NotFoundHandler())), "/", http.StatusTeapot, "no_cookies: no cookies"},
	} {
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, pageRequest(c.target))
		if resp := w.Result(); resp.StatusCode != c.status || resp.Header.Get(reasonHeader) != c.want {
			t.Errorf("%s: status %d, reason %q; want %d and %q", name, resp.StatusCode, resp.Header.Get(reasonHeader), c.status, c.want)
		}
	}
}

// TestReasonHeaderIsInTheLog: New says once that the header is on.
func TestReasonHeaderIsInTheLog(t *testing.T) {
	for _, on := range []bool{false, true} {
		var log strings.Builder
		env := newEnv(t, withLog(&log), func(cfg *cognito.Config) { cfg.ReasonHeader = on })
		env.do(pageRequest("/dashboard"))
		if got := strings.Count(log.String(), "level=WARN"); got != strings.Count(log.String(), "Config.ReasonHeader is set") || (got == 1) != on {
			t.Errorf("ReasonHeader %v: the log has %s", on, &log)
		}
	}
}

// TestReasonHeaderReplacesAnother: a guard's reason replaces a header that is there.
func TestReasonHeaderReplacesAnother(t *testing.T) {
	auth := newAuth(t, func(cfg *cognito.Config) { cfg.ReasonHeader = true })
	w := httptest.NewRecorder()
	w.Header().Set(reasonHeader, "of another program")
	auth.Require(http.NotFoundHandler()).ServeHTTP(w, pageRequest("/"))
	if got := w.Result().Header[reasonHeader]; len(got) != 1 || got[0] != "no_cookies: no cookies" {
		t.Errorf("%q", got)
	}
}

// TestReasonHeaderOfSignIns has sign-ins fail. The header is the hook's reason, and not what
// the managed login says about the user.
func TestReasonHeaderOfSignIns(t *testing.T) {
	var told []cognito.SignInFailure
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.ReasonHeader = true
		cfg.Hooks.SignInFailed = func(_ context.Context, e cognito.SignInFailure) { told = append(told, e) }
	})
	callback := "/api/auth/sign-in-callback"
	answer := func(params string) func() *http.Response {
		return func() *http.Response {
			authorize, flow := env.startFlow("/api/auth/sign-in")
			return env.get(callback+"?state="+authorize.Query().Get("state")+"&"+params, flow)
		}
	}
	for name, c := range map[string]struct {
		fail func() *http.Response
		want cognito.FailureReason
	}{
		"lost":       {func() *http.Response { return env.get(callback + "?code=x&state=y") }, cognito.FailureLost},
		"parameters": {func() *http.Response { return env.get("/api/auth/sign-in?response_mode=fragment") }, cognito.FailureNotBegun},
		"cancelled":  {answer("error=access_denied&error_description=user+cancelled"), cognito.FailureCancelled},
		"refused":    {answer("error=invalid_request&error_description=ada%40example.com%0d%0aSet-Cookie:+a=b"), cognito.FailureLogin},
		"no code":    {answer("code=x"), cognito.FailureTokens},
	} {
		told = nil
		resp := c.fail()
		if got := resp.Header[reasonHeader]; len(told) != 1 || told[0].Reason != c.want || len(got) != 1 || got[0] != string(c.want) {
			t.Errorf("%s: status %d, reason %q, the hook %v; want %q", name, resp.StatusCode, got, told, c.want)
		}
	}
	if resp := env.get("/api/auth/sign-in"); resp.StatusCode != http.StatusFound || resp.Header[reasonHeader] != nil {
		t.Errorf("a sign-in: status %d, reason %q", resp.StatusCode, resp.Header[reasonHeader])
	}
}
