package middleware_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// verdicts are the answers of every guard to every client, by Auth. Each column is a
// guard; a status, and for Load the user that it finds.
const verdicts = `
                             Protect  Require  Group    Scope    Machine  Load
web      nothing             401      401      401      401      -        none
web      cookie              200      200      200      200      -        ada
web      cookie-mobile       401      401      401      401      -        none
web      cookie-program      401      401      401      401      -        none
web      bearer              401      401      401      401      -        none
web      bearer+cookie       200      200      200      200      -        ada
web      mobile+cookie       200      200      200      200      -        ada

bearer   nothing             401      401      401      401      401      none
bearer   cookie              200      200      200      200      403      ada
bearer   cookie-elsewhere    200      200      200      200      403      ada
bearer   cookie-program      401      401      401      401      401      none
bearer   bearer              200      200      200      200      403      ada
bearer   bearer-id           401      401      401      401      401      none
bearer   bearer-expired      401      401      401      401      401      none
bearer   bearer-elsewhere    200      200      200      200      403      ada
bearer   mobile              401      401      401      401      401      none
bearer   mobile+cookie       401      401      401      401      401      none
bearer   program             401      401      401      401      401      none
bearer   own-program         403      403      403      200      200      none
bearer   garbage+cookie      401      401      401      401      401      none

api      nothing             401      401      401      401      401      none
api      cookie              200      200      200      200      403      ada
api      cookie-here         200      200      200      200      403      ada
api      cookie-elsewhere    401      401      401      401      401      none
api      cookie-mobile       401      401      401      401      401      none
api      cookie-program      401      401      401      401      401      none
api      bearer              200      200      200      200      403      ada
api      bearer-here         200      200      200      200      403      ada
api      bearer-elsewhere    401      401      401      401      401      none
api      mobile              200      200      200      200      403      ada
api      mobile-here         200      200      200      200      403      ada
api      mobile-elsewhere    401      401      401      401      401      none
api      mobile-grace        200      200      403      403      403      grace
api      mobile-id           401      401      401      401      401      none
api      mobile-expired      401      401      401      401      401      none
api      mobile+cookie-grace 200      200      200      200      403      ada
api      other               401      401      401      401      401      none
api      other+cookie        401      401      401      401      401      none
api      program             403      403      403      200      200      none
api      program-noscope     403      403      403      403      403      none
api      program+cookie      403      403      403      200      200      none
api      program-elsewhere   401      401      401      401      401      none
api      own-program         403      403      403      200      200      none
`

// TestVerdicts shows the tokens of four app clients, as bearers and in cookies, to every
// guard of three Auths, twice, because the first answer may be cached.
func TestVerdicts(t *testing.T) {
	suffix := rand.Text()
	mobileID, programID := "2mobile"+suffix, "3program"+suffix
	env := newEnv(t, asAPI, func(cfg *cognito.Config) { cfg.BearerClients = []string{mobileID, programID} })
	auths := map[string]*cognito.Auth{"api": env.auth}
	for name, bearer := range map[string]bool{"web": false, "bearer": true} {
		auths[name] = env.newAuthAt(env.server, func(cfg *cognito.Config) { cfg.Bearer, cfg.Matcher = bearer, []string{documented} })
	}
	clients := map[string]*cognitotest.Server{
		"own": env.server, "mobile": env.server.AddClient(mobileID, ""), "program": env.server.AddClient(programID, "secret"), "other": env.server.AddClient("4other"+suffix, ""),
	}
	noID := func(d *cognitotest.Draft) {
		if d.Use == tokens.ID {
			d.Claims = nil
		}
	}
	machine := func(d *cognitotest.Draft) {
		if d.Use == tokens.Access {
			delete(d.Claims, "username")
			d.Claims["sub"] = d.Claims["client_id"]
		}
	}
	here, elsewhere, scope := withClaim("aud", mcpResource), withClaim("aud", "https://elsewhere.example"), withScope("orders/read")
	access := func(client, user string, edits ...func(*cognitotest.Draft)) string {
		return clients[client].Issue(user, append(edits, noID)...).Access
	}
	own, grace, mobile := access("own", "ada", scope), access("own", "grace"), access("mobile", "ada", scope)
	ownHere, ownElsewhere := access("own", "ada", scope, here), access("own", "ada", scope, elsewhere)
	program := access("program", "ada", machine, scope)
	type request struct{ bearer, cookie string }
	requests := map[string]request{
		"nothing": {}, "cookie": {"", own}, "cookie-here": {"", ownHere}, "cookie-elsewhere": {"", ownElsewhere},
		"cookie-mobile": {"", mobile}, "cookie-program": {"", program},
		"bearer": {own, ""}, "bearer-here": {ownHere, ""}, "bearer-elsewhere": {ownElsewhere, ""},
		"bearer-id":      {env.server.Issue("ada").ID, ""},
		"bearer-expired": {access("own", "ada", scope, cognitotest.Expired), ""},
		"bearer+cookie":  {own, own}, "garbage+cookie": {"x", own},
		"mobile": {mobile, ""}, "mobile+cookie": {mobile, own}, "mobile+cookie-grace": {mobile, grace},
		"mobile-here":      {access("mobile", "ada", scope, here), ""},
		"mobile-elsewhere": {access("mobile", "ada", scope, elsewhere), ""},
		"mobile-grace":     {access("mobile", "grace"), ""},
		"mobile-id":        {clients["mobile"].Issue("ada").ID, ""},
		"mobile-expired":   {access("mobile", "ada", scope, cognitotest.Expired), ""},
		"other":            {access("other", "ada", scope), ""}, "other+cookie": {access("other", "ada", scope), own},
		"program": {program, ""}, "program+cookie": {program, own},
		"program-noscope":   {access("program", "ada", machine), ""},
		"program-elsewhere": {access("program", "ada", machine, scope, elsewhere), ""},
		"own-program":       {access("own", "ada", machine, scope), ""},
	}
	lines := strings.Split(strings.TrimSpace(verdicts), "\n")
	columns, rows := strings.Fields(lines[0]), 0
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		rows++
		auth, kind := auths[fields[0]], fields[1]
		guards := map[string]func(http.Handler) http.Handler{
			"Protect": auth.Protect, "Require": auth.Require, "Group": auth.RequireGroup("admins"), "Scope": auth.RequireScope("orders/read"), "Load": auth.Load,
		}
		if fields[0] != "web" {
			guards["Machine"] = auth.RequireMachine("orders/read")
		}
		sent, ok := requests[kind]
		if !ok || len(fields) != 2+len(columns) {
			t.Fatalf("what is %q?", line)
		}
		for i, column := range columns {
			want := fields[2+i]
			if want == "-" {
				continue
			}
			for range 2 {
				r := bearerRequest("GET", "/mcp", sent.bearer)
				r.Header.Set("Accept", "application/json")
				if sent.cookie != "" {
					addSession(r, env.server, "ada", &tokens.Set{Access: sent.cookie})
				}
				w, user := httptest.NewRecorder(), "none"
				guards[column](http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					s := auth.Session(r)
					if inContext, _ := session.FromContext(r.Context()); inContext != s {
						t.Errorf("%s %s %s: two sessions", fields[0], kind, column)
					}
					if s.User() != (session.User{}) {
						user = s.User().Username
					}
				})).ServeHTTP(w, r)
				got := fmt.Sprint(w.Code)
				if column == "Load" && w.Code == 200 {
					got = user
				}
				if got != want || len(w.Result().Cookies()) > 0 {
					t.Errorf("%s %s %s: %s, want %s", fields[0], kind, column, got, want)
				}
			}
		}
	}
	t.Logf("%d rows", rows)
}
