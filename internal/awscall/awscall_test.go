package awscall_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/cognitogate/cognitogate/internal/awscall"
)

func always(*awscall.Failure) bool { return true }
func never(*awscall.Failure) bool  { return false }

func TestSecondAttempt(t *testing.T) {
	refused := &smithy.GenericAPIError{Code: "Busy", Message: "later"}
	for _, tt := range []struct {
		name     string
		repeat   func(*awscall.Failure) bool
		results  []error
		attempts int
		ok       bool
	}{
		{"after a success", always, []error{nil}, 1, true},
		{"that is not wanted", never, []error{refused, nil}, 1, false},
		{"that succeeds", always, []error{refused, nil}, 2, true},
		{"is the last", always, []error{refused, refused, nil}, 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts, start := 0, time.Now()
				failure := awscall.Call{Op: "Get", Repeat: tt.repeat}.Do(t.Context(), func(context.Context) error {
					attempts++
					return tt.results[attempts-1]
				})
				if (failure == nil) != tt.ok || attempts != tt.attempts {
					t.Errorf("%+v after %d attempts", failure, attempts)
				}
				if took := time.Since(start); attempts == 2 && (took < 100*time.Millisecond || took >= 200*time.Millisecond) {
					t.Errorf("the second attempt came after %v", took)
				}
			})
		})
	}
}

func TestTimeout(t *testing.T) {
	for _, tt := range []struct {
		name   string
		repeat func(*awscall.Failure) bool
		took   time.Duration
	}{
		{"of one attempt", never, 2500 * time.Millisecond},
		{"of the call", always, awscall.Timeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				failure := awscall.Call{Op: "Get", Repeat: tt.repeat}.Do(t.Context(), func(ctx context.Context) error {
					<-ctx.Done()
					return ctx.Err()
				})
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v", took)
				}
				if !errors.Is(failure.Err, context.DeadlineExceeded) || failure.Unsent {
					t.Errorf("%+v", failure)
				}
			})
		})
	}
}

func TestCancelledCallIsNotRepeated(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	failure := awscall.Call{Op: "Get", Repeat: always}.Do(ctx, func(ctx context.Context) error {
		attempts++
		cancel()
		return ctx.Err()
	})
	if attempts != 1 || !errors.Is(failure.Err, context.Canceled) {
		t.Errorf("%+v after %d attempts", failure, attempts)
	}
}

func TestWithoutRepeat(t *testing.T) {
	attempts := 0
	awscall.Call{Op: "Get", Repeat: always}.Do(awscall.WithoutRepeat(t.Context()), func(context.Context) error {
		attempts++
		return errors.New("failed")
	})
	if attempts != 1 {
		t.Errorf("%d attempts", attempts)
	}
}

func TestFailures(t *testing.T) {
	closed := errors.New("connection closed")
	call := awscall.Call{Op: "Get", Secrets: []string{"", "s3cr3t", "token"}, Repeat: never}
	for _, tt := range []struct {
		name string
		err  error
		want awscall.Failure
	}{
		{"an error answer", fmt.Errorf("sdk: %w", &smithy.GenericAPIError{Code: "Invalid", Message: "'token', 's3cr3t'"}),
			awscall.Failure{Op: "Get", Code: "Invalid", Message: "'…', '…'"}},
		{"no answer", closed, awscall.Failure{Op: "Get", Err: closed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			failure := call.Do(t.Context(), func(context.Context) error { return tt.err })
			if *failure != tt.want {
				t.Errorf("got %+v, want %+v", *failure, tt.want)
			}
		})
	}
}

func TestUnreadableAnswerIsNotKept(t *testing.T) {
	answer := &smithy.DeserializationError{Err: errors.New("token"), Snapshot: []byte("token")}
	failure := awscall.Call{Op: "Get", Repeat: never}.Do(t.Context(), func(context.Context) error { return answer })
	if failure.Err == nil || errors.Is(failure.Err, answer) || strings.Contains(fmt.Sprintf("%+v", failure), "token") {
		t.Errorf("%+v", failure)
	}
}

// TestUnsent checks that a refused connection counts as unsent, and a lost one does
// not.
func TestUnsent(t *testing.T) {
	client := awscall.NewHTTPClient(&http.Client{Transport: &http.Transport{}})
	get := func(url string) *awscall.Failure {
		return awscall.Call{Op: "Get", Repeat: never}.Do(t.Context(), func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
			if err != nil {
				return err
			}
			_, err = client.Do(req)
			return err
		})
	}
	server := startServer(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if failure := get(server.URL); failure.Err == nil || failure.Unsent {
		t.Errorf("a lost connection: %+v", failure)
	}
	server.Close()
	if failure := get(server.URL); failure.Err == nil || !failure.Unsent {
		t.Errorf("a refused connection: %+v", failure)
	}
}

func startServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func TestHTTPClient(t *testing.T) {
	followed := false
	server := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		case "/elsewhere":
			followed = true
		default:
			io.WriteString(w, strings.Repeat("x", 2<<20))
		}
	})
	client := awscall.NewHTTPClient(server.Client())
	get := func(path string) (int, int) {
		req, err := http.NewRequest("GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, len(text)
	}
	if status, _ := get("/redirect"); status != http.StatusTemporaryRedirect || followed {
		t.Errorf("a redirect has status %d, and was followed: %t", status, followed)
	}
	if _, size := get("/long"); size != 1<<20 {
		t.Errorf("%d bytes of a long answer are read", size)
	}
}
