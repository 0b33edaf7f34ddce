package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// askOperator sends a request to the operator's port. With a form it is a POST.
func (d *demo) askOperator(path string, form url.Values, header ...string) *response {
	r := httptest.NewRequest("GET", "http://localhost:8081"+path, nil)
	if form != nil {
		r = httptest.NewRequest("POST", "http://localhost:8081"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.operator.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return &response{resp, w.Body.String()}
}

var (
	fails = url.Values{"cognito": {"fails"}}
	works = url.Values{"cognito": {"works"}}
)

// TestOperator shares one user pool, because it takes time to make its keys.
func TestOperator(t *testing.T) {
	t.Parallel() // failing calls wait before the next attempt
	d := newDemo(t)
	t.Run("readiness", func(t *testing.T) { testReadiness(t, d) })
	t.Run("outage", func(t *testing.T) { testOutageSwitch(t, d) })
	t.Run("ports", func(t *testing.T) { testOperatorsPortIsApart(t, d) })
	t.Run("access log", func(t *testing.T) { testAccessLog(t, d) })
	t.Run("debug", func(t *testing.T) { testDebug(t, d) })
}

// testOutageSwitch makes Cognito fail with the operator's switch. Signed-in users go on
// until their tokens expire, then get 503, and nobody is signed out.
func testOutageSwitch(t *testing.T, d *demo) {
	before := len(d.log.String())
	v := d.visitor(t)
	v.signIn("ada")
	d.askOperator("/", nil).expect(t, 200, "Cognito works.", d.origin+"/dashboard")
	d.askOperator("/readyz", nil).expect(t, 200, "ready\n")
	if page := v.open("/dashboard").expect(t, 200); strings.Contains(page.body, "Cognito fails") {
		t.Error("the pages speak of an outage")
	}

	d.askOperator("/outage", fails).expect(t, http.StatusSeeOther).leadsTo(t, "/")
	d.askOperator("/", nil).expect(t, 200, "Cognito answers every request with status 500", "Let it work again")
	v.open("/dashboard").expect(t, 200, "Signed in as", "Cognito fails, because the operator wants it")
	v.open("/graphql").expect(t, 200, "ada") // another service
	d.advance(2 * time.Minute)
	d.askOperator("/readyz", nil).expect(t, 200, "ready\n") // has been ready, and the keys serve
	for range 3 {
		page := v.open("/dashboard").expect(t, http.StatusServiceUnavailable, "You have not been signed out", "Cognito fails, because")
		if page.Header["Set-Cookie"] != nil {
			t.Error("an outage has changed cookies")
		}
	}
	d.visitor(t).open("/dashboard").expect(t, http.StatusTemporaryRedirect)

	d.askOperator("/outage", works).expect(t, http.StatusSeeOther)
	v.open("/dashboard").expect(t, 200, "Signed in as", "<strong>refreshed</strong>")
	for _, want := range []string{`level=WARN .*begins to fail" operation=GetTokensFromRefreshToken`, `level=INFO .*works again" operation=GetTokensFromRefreshToken duration=`} {
		if n := len(regexp.MustCompile(want).FindAllString(d.log.String()[before:], -1)); n != 1 {
			t.Errorf("%d lines of the log match %s", n, want)
		}
	}
}

// testReadiness: a program that has never reached Cognito is not ready.
func testReadiness(t *testing.T, d *demo) {
	d.askOperator("/outage", fails)
	d.askOperator("/readyz", nil).expect(t, http.StatusServiceUnavailable, "not ready: ")
	d.askOperator("/outage", works)
	d.advance(time.Minute) // the answer is remembered
	d.askOperator("/readyz", nil).expect(t, 200, "ready\n")
}

// testOperatorsPortIsApart: the operator's pages are not on the site, nor the site's on the
// operator's port, and no other site can press the switch.
func testOperatorsPortIsApart(t *testing.T, d *demo) {
	v := d.visitor(t)
	v.signIn("ada")
	for _, path := range []string{"/readyz", "/metrics", "/outage"} {
		v.open(path).expect(t, http.StatusNotFound)
		v.send(path, fails).expect(t, http.StatusNotFound)
	}
	for _, path := range []string{"/dashboard", "/admin", "/profile", "/api/auth/sign-in", "/outage", "/apis/get-current-user"} {
		if status := d.askOperator(path, nil).StatusCode; status != 404 && status != 405 {
			t.Errorf("%s on the operator's port: status %d", path, status)
		}
	}
	d.askOperator("/outage", fails, "Sec-Fetch-Site", "cross-site").expect(t, http.StatusForbidden)
	d.askOperator("/outage", fails, "Sec-Fetch-Site", "same-site").expect(t, http.StatusForbidden) // localhost:8080
	d.askOperator("/outage", url.Values{"cognito": {""}}).expect(t, http.StatusBadRequest, "cognito=fails")
	d.askOperator("/outage", url.Values{"cognito": {"fails"}, "more": {strings.Repeat("x", maxForm)}}).expect(t, http.StatusBadRequest)
	d.askOperator("/", nil).expect(t, 200, "Cognito works.").header(t, "X-Content-Type-Options", "nosniff")
}

// testAccessLog: each request is one line, with the decision of the guards and the subject.
func testAccessLog(t *testing.T, d *demo) {
	v := d.visitor(t)
	v.signIn("grace")
	for _, c := range []struct{ path, want string }{
		{"/dashboard", `method=GET path=/dashboard status=200 took=\S+ decision=passed subject=[0-9a-f-]{36} refreshes=\[\]`},
		{"/admin", `path=/admin status=403 took=\S+ decision=forbidden subject=[0-9a-f-]{36} `},
		{"/static/app.js", `path=/static/app.js status=200 took=\S+ decision=public subject="" `},
	} {
		before := len(d.log.String())
		v.open(c.path)
		if got := d.log.String()[before:]; strings.Count(got, "msg=request") != 1 || !regexp.MustCompile(c.want).MatchString(got) || strings.Contains(got, "grace") {
			t.Errorf("%s: the log has %s", c.path, got)
		}
	}
	d.advance(2 * time.Minute)
	v.open("/dashboard")
	if !strings.Contains(d.log.String(), " refreshes=[call]\n") {
		t.Errorf("a refresh is not in the log: %s", d.log.String())
	}
	before := len(d.log.String())
	d.visitor(t).open("/dashboard?secret=1")
	if got := d.log.String()[before:]; !strings.Contains(got, `path=/dashboard status=307`) || !strings.Contains(got, `decision=redirected subject=""`) || strings.Contains(got, "secret") {
		t.Errorf("the log has %s", got)
	}
}

// testDebug: with -debug an answer says why it is a refusal, and by default it does not.
func testDebug(t *testing.T, d *demo) {
	const name = "Cognitogate-Reason"
	d.visitor(t).open("/dashboard").header(t, name, "")
	d.debug = true
	d.start(t)
	d.visitor(t).open("/dashboard").header(t, name, "no_cookies: no cookies")
	v := d.visitor(t)
	v.fetch("/apis/get-current-user").header(t, name, "no_cookies: no cookies")
	v.signIn("grace")
	v.open("/dashboard").expect(t, 200).header(t, name, "")
	v.open("/admin").expect(t, 403).header(t, name, "group: the session is not allowed by group admins")
}
