package identity_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
)

// lockedBuffer is a log that an exchange in the background writes to.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// failingTransport fails every request while err is set.
type failingTransport struct {
	http.RoundTripper
	err error
}

func (t *failingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.err != nil {
		return nil, t.err
	}
	return t.RoundTripper.RoundTrip(r)
}

// TestOutagesAreLogged has an operation fail in every way. A flood of sessions makes one
// line, which names the cause, and the end makes one with the duration.
func TestOutagesAreLogged(t *testing.T) {
	synctest.Test(t, testOutagesAreLogged)
}

func testOutagesAreLogged(t *testing.T) {
	p := newPoolTest(t, nil)
	s := signedIn(p.server, "ada")
	for name, test := range map[string]struct {
		op    string
		fault cognitotest.Fault
		err   error // of the transport
		want  []string
	}{
		"500":             {"GetId", cognitotest.Fault{Status: 500}, nil, []string{`status 500 and the code \"InternalErrorException\"`}},
		"throttled":       {"GetCredentialsForIdentity", cognitotest.Fault{Status: 429}, nil, []string{`status 429 and the code \"TooManyRequestsException\"`}},
		"a reset":         {"GetId", cognitotest.Fault{Drop: true}, nil, []string{"connection reset"}},
		"HTML":            {"GetId", cognitotest.Fault{Status: 200, Body: "<html>eyJ"}, nil, []string{"unreadable answer with status 200", `look_at="a proxy has answered`}},
		"JSON of a proxy": {"GetId", cognitotest.Fault{Status: 403, Body: "{}"}, nil, []string{"status 403", `look_at="UserPool.IdentityPoolID is wrong, or a proxy`}},
		"no route":        {"GetId", cognitotest.Fault{}, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}, []string{"no route to host"}},
		"unknown host":    {"GetId", cognitotest.Fault{}, &net.DNSError{Err: "no such host", IsNotFound: true}, []string{`look_at="UserPool.IdentityPoolID is wrong, or the network`}},
		"no such pool":    {"GetId", cognitotest.Fault{Code: "ResourceNotFoundException"}, nil, []string{"ResourceNotFoundException", "look_at=UserPool.IdentityPoolID"}},
		"no roles":        {"GetCredentialsForIdentity", cognitotest.Fault{Code: "InvalidIdentityPoolConfigurationException"}, nil, []string{`look_at="the identity pool's roles"`}},
		"a wrong clock":   {"GetCredentialsForIdentity", cognitotest.Fault{Status: 200, Body: `{"Credentials":{"AccessKeyId":"ASIA","SecretKey":"s","SessionToken":"t","Expiration":1500000000}}`}, nil, []string{"a clock is wrong"}},
	} {
		var log lockedBuffer
		transport := failingTransport{RoundTripper: p.server.Client().Transport, err: test.err}
		identityPool, err := identity.NewPool(p.server.UserPool(), &identity.Options{
			HTTPClient: &http.Client{Transport: &transport}, Now: p.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		p.server.SetFault(func(op string) cognitotest.Fault {
			if op == test.op {
				return test.fault
			}
			return cognitotest.Fault{}
		})
		for range 3 {
			if _, err := identityPool.Credentials(t.Context(), s); err == nil {
				t.Errorf("%s: no error", name)
			}
			p.advance(5 * time.Minute)
		}
		p.server.SetFault(nil)
		transport.err = nil
		for range 3 {
			if _, err := identityPool.Credentials(t.Context(), s); err != nil {
				t.Errorf("%s, afterwards: %v", name, err)
			}
		}
		got := log.String()
		lines := regexp.MustCompile(`^\S+ level=WARN msg="identity: an operation of the identity pool begins to fail" operation=` + test.op + ` .*
\S+ level=INFO msg="identity: an operation of the identity pool works again" operation=` + test.op + ` duration=15m0s failures=\d+
$`)
		if !lines.MatchString(got) {
			t.Errorf("%s: the log: %s", name, got)
		}
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the log lacks %s: %s", name, want, got)
			}
		}
		if strings.Contains(got, "eyJ") {
			t.Errorf("%s: the log shows a token: %s", name, got)
		}
	}
}

// TestRefusalsAreNoOutage has the identity pool refuse one user, and a caller go away.
func TestRefusalsAreNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		p := newPoolTest(t, func(o *identity.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		s := signedIn(p.server, "ada")
		for _, code := range []string{"NotAuthorizedException", "ResourceConflictException", "InvalidParameterException"} {
			p.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Code: code, Message: "ada@example.com"} })
			if _, err := p.identityPool.Credentials(t.Context(), s); err == nil {
				t.Errorf("%s: no error", code)
			}
			p.advance(2 * time.Second)
		}
		p.server.SetFault(nil)
		first := true
		p.server.SetFault(func(op string) (f cognitotest.Fault) { // a deleted identity
			if op == "GetCredentialsForIdentity" && first {
				f.Code, first = "ResourceNotFoundException", false
			}
			return f
		})
		p.identityPool.Credentials(t.Context(), s)
		p.identityPool.Credentials(t.Context(), s)
		synctest.Wait()
		if got := log.String(); got != "" {
			t.Errorf("the log: %s", got)
		}
	})
}
