package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// record is one record of testdata/amplify/session.json. It says what the real Amplify
// did with a request.
type record struct {
	Name    string
	Now     int64
	Config  recordConfig
	Request struct {
		Method, URL string
		Headers     map[string]string
	}
	JWKS    map[string]json.RawMessage
	Cognito []exchange
	API     string
	Options struct {
		ForceRefresh   bool
		ClientMetadata map[string]string
	}
	Outcome      outcome
	SetCookie    []string
	ResponseKind string
}

type recordConfig struct {
	UserPoolID, ClientID string
	AppOrigin            string
	RuntimeOptions       struct {
		Cookies struct {
			Domain   string
			SameSite any
			MaxAge   int
			Expires  time.Time
		}
	}
}

type exchange struct {
	Expect struct {
		Target string
		Body   map[string]any
	}
	Reply struct {
		Status       int
		Headers      map[string]string
		Body         json.RawMessage
		Raw          string
		NetworkError bool
	}
}

type outcome struct {
	API            string // in a sequence
	Authenticated  bool
	IDToken        *bool
	UserSub        string
	AccessTokenJTI string
	User           *struct {
		Username, UserID string
		SignInDetails    struct{ LoginID string }
	}
	Attributes map[string]string
	Error      string
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	text, err := os.ReadFile("../testdata/amplify/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(file, ": ", err)
	}
}

// recordedCognito answers as the recorded Cognito did, and notes the calls.
type recordedCognito struct {
	jwks    map[string]json.RawMessage
	replies []exchange

	mu    sync.Mutex
	calls []string // target and body, in Cognito's order of members
}

func (c *recordedCognito) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodGet {
		doc, ok := c.jwks[r.URL.String()]
		switch {
		case !ok:
			return answer(r, http.StatusForbidden, nil, ""), nil
		case string(doc) == `"networkError"`:
			return nil, errors.New("recorded: network error")
		case doc[0] == '"':
			var text string
			json.Unmarshal(doc, &text)
			return answer(r, http.StatusOK, nil, text), nil
		}
		return answer(r, http.StatusOK, nil, string(doc)), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c.calls = append(c.calls, canonicalCall(r.Header.Get("X-Amz-Target"), body))
	if len(c.replies) == 0 {
		return nil, errors.New("recorded: no more replies")
	}
	reply := c.replies[0].Reply
	c.replies = c.replies[1:]
	if reply.NetworkError {
		return nil, errors.New("recorded: network error")
	}
	text := reply.Raw
	if text == "" {
		text = string(reply.Body)
	}
	return answer(r, reply.Status, reply.Headers, text), nil
}

func answer(r *http.Request, status int, headers map[string]string, body string) *http.Response {
	h := make(http.Header)
	for k, v := range headers {
		h.Set(k, v)
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

func canonicalCall(target string, body []byte) string {
	var members map[string]any
	if json.Unmarshal(body, &members) != nil {
		return target + " " + string(body)
	}
	text, _ := json.Marshal(members)
	_, op, _ := strings.Cut(target, ".")
	return op + " " + string(text)
}

func (rec *record) newManager(cognito http.RoundTripper) (*session.Manager, error) {
	c := rec.Config.RuntimeOptions.Cookies
	cookies := session.Cookies{Domain: c.Domain, MaxAge: time.Duration(c.MaxAge) * time.Second}
	now := time.UnixMilli(rec.Now)
	if !c.Expires.IsZero() {
		cookies.MaxAge = c.Expires.Sub(now)
	}
	sameSite, given := c.SameSite.(string)
	if rec.serverSide() {
		// middleware sets these for Config.Origin.
		cookies.HTTPOnly = true
		cookies.Insecure = strings.HasPrefix(rec.Config.AppOrigin, "http:")
		cookies.SameSite = http.SameSiteStrictMode
	}
	if given {
		cookies.SameSite = map[string]http.SameSite{
			"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
		}[sameSite]
	} else if c.SameSite == false {
		cookies.SameSite = http.SameSiteDefaultMode
	}
	return session.NewManager(session.Config{
		UserPool:   tokens.UserPool{ID: rec.Config.UserPoolID, ClientID: rec.Config.ClientID, Endpoint: "https://cognito.example"},
		Cookies:    cookies,
		HTTPClient: &http.Client{Transport: cognito},
		Now:        func() time.Time { return time.UnixMilli(rec.Now) },
		Logger:     slog.Default(),
	})
}

// serverSide reports whether the record's sign-in is on the server. Amplify's rule is that
// AppOrigin is an origin, without a path.
func (rec *record) serverSide() bool {
	u, err := url.Parse(rec.Config.AppOrigin)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.Path == ""
}
