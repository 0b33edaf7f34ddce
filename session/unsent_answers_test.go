package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
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
	t.Parallel()
	for _, test := range []struct {
		revocation bool
		signOut    int // with so many of the cookies
		ended      bool
	}{
		{true, 0, false}, {true, 3, true}, {true, 4, true}, // the fourth is the refresh token
		{false, 0, false}, {false, 3, true}, {false, 4, true},
	} {
		for _, rotation := range []bool{true, false} {
			e := newEnv(t, nil)
			e.server.SetTokenRevocation(test.revocation)
			e.server.SetRotation(rotation, time.Minute)
			cookies := e.cookies("ada", e.server.Issue("ada"))
			answer := &unsentAnswer{ResponseWriter: httptest.NewRecorder()}
			if _, err := e.manager.Fetch(answer, pageRequest(cookies...), forced); err != nil {
				t.Fatal(err)
			}
			if _, err := e.end(pageRequest(cookies[:test.signOut]...)); err != nil {
				t.Fatal(err)
			}
			answer.lines.AddTo(answer.Header(), "/") // the header goes out
			if changes := e.changes(answer.Header()["Set-Cookie"]); test.ended != (len(changes) == 0) {
				t.Errorf("%+v, rotation %v: %v", test, rotation, changes)
			}
		}
	}
}
