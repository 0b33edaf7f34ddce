package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/tokens"
)

// unsentAnswer is a guard's answer whose header has not gone out.
type unsentAnswer struct {
	http.ResponseWriter
	lines cookie.Lines
}

func (*unsentAnswer) PrivateNoStore() {}

func (a *unsentAnswer) Lines(prefix string) *cookie.Lines {
	a.lines.Prefix = prefix
	return &a.lines
}

// TestSignOutBeforeAnswerGoesOut signs out in another request while the answer of a
// refresh has not gone out. Its cookies do not go out then. Without token revocation the
// user and the time of the sign-in tell it.
func TestSignOutBeforeAnswerGoesOut(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	for _, test := range []struct {
		revocation bool
		signOut    func(*tokens.Set) *tokens.Set // with these of the tokens; nil for none
		ended      bool
	}{
		{true, nil, false}, {true, withoutRefresh, true}, {true, allTokens, true},
		{false, nil, false}, {false, withoutRefresh, true}, {false, allTokens, true},
	} {
		for _, rotation := range []bool{true, false} {
			e := newEnv(t, nil)
			e.server.SetTokenRevocation(test.revocation)
			e.server.SetRotation(rotation, time.Minute)
			set := e.server.Issue("ada")
			cookies, signOut := e.cookies("ada", set), []string(nil)
			if test.signOut != nil {
				signOut = e.cookies("ada", test.signOut(set))
			}
			answer := &unsentAnswer{ResponseWriter: httptest.NewRecorder()}
			if _, err := e.manager.Fetch(answer, pageRequest(cookies...), forced); err != nil {
				t.Fatal(err)
			}
			if _, err := e.end(pageRequest(signOut...)); err != nil {
				t.Fatal(err)
			}
			answer.lines.AddTo(answer.Header(), "/") // the header goes out
			if changes := e.changes(answer.Header()["Set-Cookie"]); test.ended != (len(changes) == 0) {
				t.Errorf("revocation %t, ended %t, rotation %t: %v", test.revocation, test.ended, rotation, changes)
			}
		}
	}
}
