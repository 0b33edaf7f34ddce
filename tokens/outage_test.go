package tokens_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/cognitogate/cognitogate/tokens"
)

// outageTest is a Client and a Verifier with one log, in a synctest bubble.
type outageTest struct {
	*testing.T
	server   *cognitotest.Server
	client   *tokens.Client
	verifier *tokens.Verifier
	set      *tokens.Set
	log      lockedBuffer

	mu        sync.Mutex
	transport func(*http.Request) error // fails requests, or nil
}

// lockedBuffer is a log that a fetch in the background may write to.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// outageServer is one server for the tests of outages, because it takes time to make its
// keys. Its clock and its tokens are of no bubble.
var outageServer = sync.OnceValue(func() *cognitotest.Server {
	server := cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com"}})
	server.SetLifetime(200 * 365 * 24 * time.Hour) // a bubble begins in 2000
	return server
})

var outageSet = sync.OnceValue(func() *tokens.Set { return outageServer().Issue("ada") })

func runOutageTest(t *testing.T, run func(ot *outageTest)) {
	t.Helper()
	server, set := outageServer(), outageSet()
	synctest.Test(t, func(t *testing.T) {
		ot := &outageTest{T: t, server: server, set: set}
		server.SetFault(nil)
		opts := &tokens.Options{
			HTTPClient: &http.Client{Transport: ot},
			Logger:     slog.New(slog.NewTextHandler(&ot.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		var err, err2 error
		ot.client, err = tokens.NewClient(server.UserPool(), opts)
		ot.verifier, err2 = tokens.NewVerifier(server.UserPool(), opts)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		run(ot)
	})
	server.SetFault(nil)
}

// RoundTrip sends a request to the emulator unless the test's transport fails.
func (ot *outageTest) RoundTrip(r *http.Request) (*http.Response, error) {
	ot.mu.Lock()
	transport := ot.transport
	ot.mu.Unlock()
	if transport != nil {
		if err := transport(r); err != nil {
			return nil, err
		}
	}
	return ot.server.Client().Transport.RoundTrip(r)
}

func (ot *outageTest) setTransport(f func(*http.Request) error) {
	ot.mu.Lock()
	defer ot.mu.Unlock()
	ot.transport = f
}

// fail makes every request fail in this way, or none if f is nil.
func (ot *outageTest) fail(f *cognitotest.Fault) {
	if f == nil {
		ot.server.SetFault(nil)
		ot.setTransport(nil)
		return
	}
	ot.server.SetFault(func(string) cognitotest.Fault { return *f })
}

func (ot *outageTest) verify() error {
	_, err := ot.verifier.Verify(context.Background(), ot.set.Access, tokens.Access)
	return err
}

func (ot *outageTest) refresh() error {
	_, err := ot.client.Refresh(context.Background(), ot.set.Refresh, nil)
	return err
}

var logTime = regexp.MustCompile(`(?m)^time=\S+ | since=\S+`)

// lines returns the new lines of the log, without their times. No line shows a token or an
// attribute of a user.
func (ot *outageTest) lines() []string {
	ot.Helper()
	ot.log.mu.Lock()
	defer ot.log.mu.Unlock()
	text := ot.log.text.String()
	ot.log.text.Reset()
	for _, secret := range []string{"eyJ", ot.set.Refresh, "ada@example.com"} {
		if strings.Contains(text, secret) {
			ot.Errorf("the log shows a secret: %s", text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 1000 {
			ot.Errorf("a line has %d bytes: %s", len(line), line)
		}
	}
	return strings.FieldsFunc(logTime.ReplaceAllString(text, ""), func(r rune) bool { return r == '\n' })
}

// wantLines checks that the new lines contain these parts, one line each.
func (ot *outageTest) wantLines(want ...string) {
	ot.Helper()
	got := ot.lines()
	if len(got) != len(want) {
		ot.Errorf("the log has %d lines, want %d: %s", len(got), len(want), strings.Join(got, "\n"))
		return
	}
	for i, part := range want {
		if !strings.Contains(got[i], part) {
			ot.Errorf("line %d lacks %s: %s", i+1, part, got[i])
		}
	}
}

const (
	keySetFails  = `level=WARN msg="tokens: a key set begins to fail" issuer=https://cognito-idp.`
	keySetWorks  = `level=INFO msg="tokens: a key set works again" issuer=https://cognito-idp.`
	refreshFails = `level=WARN msg="tokens: an operation of Cognito begins to fail" operation=` + opRefresh
	refreshWorks = `level=INFO msg="tokens: an operation of Cognito works again" operation=` + opRefresh
)

// TestOutages has a key set and a refresh fail in every way. A flood of requests makes one
// line, which says why, and the end makes one with the duration.
func TestOutages(t *testing.T) {
	noRoute := func(*http.Request) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	}
	unknownHost := func(r *http.Request) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}}
	}
	for name, c := range map[string]struct {
		fault     *cognitotest.Fault
		transport func(*http.Request) error
		keySet    string // in the line about the key set
		refresh   string
	}{
		"500":             {fault: &cognitotest.Fault{Status: 500}, keySet: "500 Internal Server Error", refresh: `status 500 and the code \"InternalErrorException\"`},
		"throttled":       {fault: &cognitotest.Fault{Status: 429}, keySet: "429 Too Many Requests", refresh: `status 429 and the code \"TooManyRequestsException\"`},
		"a reset":         {fault: &cognitotest.Fault{Drop: true}, keySet: "error=", refresh: "error="},
		"HTML":            {fault: &cognitotest.Fault{Status: 200, Body: "<html>eyJ"}, keySet: "not a JWK Set", refresh: "unreadable answer with status 200"},
		"a proxy":         {fault: down, keySet: "503 Service Unavailable", refresh: "unreadable answer with status 503"},
		"no key set":      {fault: &cognitotest.Fault{Status: 404, Body: "<html>"}, keySet: `look_at="UserPool.`, refresh: "unreadable answer with status 404"},
		"hanging":         {fault: hanging, keySet: "deadline exceeded", refresh: "deadline exceeded"},
		"no route":        {transport: noRoute, keySet: "no route to host", refresh: "no route to host"},
		"a long error":    {transport: func(*http.Request) error { return errors.New(strings.Repeat("\n<html>", 999)) }, keySet: "�<html>", refresh: "�<html>"},
		"unknown host":    {transport: unknownHost, keySet: `look_at="UserPool.`, refresh: `look_at="UserPool.`},
		"JSON of a proxy": {fault: &cognitotest.Fault{Status: 403, Body: "{}"}, keySet: `look_at="UserPool.`, refresh: `is answered with status 403" look_at="UserPool.`},
		"broken Lambda":   {fault: &cognitotest.Fault{Code: "UnexpectedLambdaException", Message: "ada@example.com is no friend"}, refresh: `the code \"UnexpectedLambdaException\"`},
	} {
		t.Run(name, func(t *testing.T) {
			runOutageTest(t, func(ot *outageTest) {
				ot.fail(c.fault)
				ot.setTransport(c.transport)
				var wg sync.WaitGroup
				for range 20 {
					if c.keySet != "" {
						wg.Go(func() {
							if err := ot.verify(); !errors.Is(err, tokens.ErrUnavailable) {
								ot.Errorf("verified: %v", err)
							}
						})
					}
				}
				wg.Wait()
				if c.keySet != "" {
					got := ot.lines()
					if len(got) != 1 || !strings.HasPrefix(got[0], keySetFails) || !strings.Contains(got[0], c.keySet) {
						ot.Errorf("the log: %s", strings.Join(got, "\n"))
					}
				}
				for range 5 {
					wg.Go(func() {
						if err := ot.refresh(); !errors.Is(err, tokens.ErrUnavailable) {
							ot.Errorf("refreshed: %v", err)
						}
					})
				}
				wg.Wait()
				got := ot.lines()
				if len(got) != 1 || !strings.HasPrefix(got[0], refreshFails) || !strings.Contains(got[0], c.refresh) {
					ot.Errorf("the log: %s", strings.Join(got, "\n"))
				}
				time.Sleep(5 * time.Minute)
				ot.refresh()
				ot.wantLines() // it fails still
				time.Sleep(5 * time.Minute)
				ot.fail(nil)
				for range 3 {
					if err := errors.Join(ot.verify(), ot.refresh()); err != nil {
						ot.Errorf("afterwards: %v", err)
					}
				}
				works := []string{refreshWorks + " duration=10m"}
				if c.keySet != "" {
					works = append([]string{keySetWorks}, works...)
				}
				ot.wantLines(works...)
			})
		})
	}
}

// TestAnswersAreNoOutage has Cognito refuse what is sent. That is no outage, and ends one.
func TestAnswersAreNoOutage(t *testing.T) {
	runOutageTest(t, func(ot *outageTest) {
		for _, f := range []cognitotest.Fault{
			{Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"},
			{Code: "NotAuthorizedException", Message: "Unable to verify secret hash for client 1abc"},
			{Code: "RefreshTokenReuseException"}, {Code: "InvalidParameterException"},
			{Code: "UserLambdaValidationException", Message: "ada@example.com is no friend"},
			{Code: "ResourceNotFoundException"},
		} {
			ot.fail(&f)
			if err := ot.refresh(); err == nil {
				ot.Errorf("%s: no error", f.Code)
			}
			ot.wantLines()
		}
		ot.fail(down)
		ot.refresh()
		ot.fail(&cognitotest.Fault{Code: "RefreshTokenReuseException"})
		ot.refresh()
		ot.wantLines(refreshFails, refreshWorks)
	})
}

// TestFlapping has every other refresh fail for five minutes. The log has a pair of lines a
// minute, and counts the outages that it leaves out.
func TestFlapping(t *testing.T) {
	runOutageTest(t, func(ot *outageTest) {
		fails := false
		ot.setTransport(func(*http.Request) error {
			if fails {
				return syscall.ECONNRESET
			}
			return nil
		})
		for range 60 {
			fails = !fails
			ot.refresh()
			time.Sleep(5 * time.Second)
		}
		lines := ot.lines()
		if n := len(lines); n < 2*4 || n > 2*6 {
			ot.Fatalf("%d lines in five minutes", n)
		}
		if got := lines[2]; !strings.Contains(got, "begins to fail") || !regexp.MustCompile(`unlogged=[56] `).MatchString(got) {
			ot.Errorf("the second outage: %s", got)
		}
	})
}

// TestLateSuccess has a call that began before an outage succeed during it.
func TestLateSuccess(t *testing.T) {
	runOutageTest(t, func(ot *outageTest) {
		ot.fail(&cognitotest.Fault{Delay: time.Second})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := ot.refresh(); err != nil {
				ot.Error(err)
			}
		})
		time.Sleep(time.Second / 2)
		ot.setTransport(func(*http.Request) error { return syscall.ECONNREFUSED })
		ot.refresh()
		wg.Wait()
		ot.wantLines(refreshFails)
		ot.fail(nil)
		ot.refresh()
		ot.wantLines(refreshWorks)
	})
}

// TestAbandonedCallIsNoOutage has callers that wait no longer.
func TestAbandonedCallIsNoOutage(t *testing.T) {
	runOutageTest(t, func(ot *outageTest) {
		ot.fail(hanging)
		short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		ot.client.Refresh(short, ot.set.Refresh, nil)
		gone, cancel := context.WithCancel(context.Background())
		time.AfterFunc(2*time.Second, cancel)
		ot.client.Revoke(gone, ot.set.Refresh)
		ot.client.Exchange(gone, "c0de", "verifier", "https://app.example/")
		ot.wantLines()
	})
}

// TestUnusedIssuerIsNoOutage has a client send tokens of the second issuer, which the user
// pool does not use. Before any key set is there, both failures are in the log, because the
// second may be the one in use.
func TestUnusedIssuerIsNoOutage(t *testing.T) {
	userPool := tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1example23456789"}
	tokenOf := func(issuer string) string {
		return encode([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":"s","iss":%q,"client_id":%q}`, issuer, userPool.ClientID)) + "." + encode([]byte("x"))
	}
	second := tokenOf(userPool.IssuerURLs()[1])
	keys := outageServer().UserPool().KeySetURL()
	for name, c := range map[string]struct {
		firstServes bool
		status      int // of the second
		lines       int
	}{
		"it has no key set":            {true, 404, 0},
		"it fails":                     {true, 500, 0},
		"nothing is known, it fails":   {false, 500, 1},
		"no issuer has a key set":      {false, 404, 1}, // the first one's
		"nothing is known, a 403 page": {false, 403, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var log lockedBuffer
			transport := transportFunc(func(r *http.Request) (*http.Response, error) {
				if r.URL.String() == userPool.KeySetURL() && c.firstServes {
					r, _ = http.NewRequestWithContext(r.Context(), "GET", keys, nil)
					return outageServer().Client().Transport.RoundTrip(r)
				}
				return &http.Response{StatusCode: c.status, Status: fmt.Sprint(c.status), Body: io.NopCloser(strings.NewReader("<html>")), Request: r}, nil
			})
			outageServer().SetFault(nil)
			v, err := tokens.NewVerifier(userPool, &tokens.Options{
				HTTPClient: &http.Client{Transport: transport}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.firstServes {
				v.Verify(context.Background(), tokenOf(userPool.IssuerURL()), tokens.Access)
			}
			for range 5 {
				v.Verify(context.Background(), second, tokens.Access)
			}
			if n := strings.Count(log.text.String(), "level="); n != c.lines {
				t.Errorf("%d lines, want %d: %s", n, c.lines, log.text.String())
			}
		})
	}
}

// TestStaleKeysAreNamed has a fetch fail while older keys still serve.
func TestStaleKeysAreNamed(t *testing.T) {
	runOutageTest(t, func(ot *outageTest) {
		if err := ot.verify(); err != nil {
			ot.Fatal(err)
		}
		ot.fail(down)
		time.Sleep(2 * time.Hour)
		if err := ot.verify(); err != nil {
			ot.Error(err)
		}
		synctest.Wait()
		got := ot.lines()
		if len(got) != 1 || !strings.HasPrefix(got[0], keySetFails) || !strings.Contains(got[0], "usable_until=2000-01-02T00:00:00") {
			ot.Errorf("the log: %s", strings.Join(got, "\n"))
		}
	})
}
