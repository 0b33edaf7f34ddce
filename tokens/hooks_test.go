package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// hookKey is the key of a text in a context, which shows where the context comes from.
type hookKey struct{}

func withText(ctx context.Context, text string) context.Context {
	return context.WithValue(ctx, hookKey{}, text)
}

func textOf(ctx context.Context) string {
	text, _ := ctx.Value(hookKey{}).(string)
	return text
}

// hookLog has a line for each event, with the text of its context.
type hookLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *hookLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// take returns the lines since the last take.
func (l *hookLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// client returns a client that logs the contexts of requests.
func (l *hookLog) client(server *cognitotest.Server) *http.Client {
	return &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		l.add("sent " + textOf(r.Context()))
		return server.Client().Transport.RoundTrip(r)
	})}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// checked names a check.
func checked(ctx context.Context) string {
	if tokens.IsCheck(ctx) {
		return " check"
	}
	return ""
}

// TestCallHooks: the context of the first hook goes to the requests and the second hook.
func TestCallHooks(t *testing.T) {
	var log hookLog
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	client, err := tokens.NewClient(server.UserPool(), &tokens.Options{HTTPClient: log.client(server), Hooks: tokens.Hooks{
		CallStarted: func(ctx context.Context, op string) context.Context {
			log.add("started " + op + " " + textOf(ctx) + checked(ctx))
			return withText(ctx, "call")
		},
		Called: func(ctx context.Context, op string, elapsed time.Duration, err error) {
			log.add("called " + op + " " + textOf(ctx) + checked(ctx))
			if tokens.IsCheck(ctx) && (err == nil || errors.Is(err, tokens.ErrUnavailable)) {
				t.Errorf("%s: %v", op, err)
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	set, ctx := server.Issue("ada"), withText(context.Background(), "request")
	const op, revoke = "GetTokensFromRefreshToken", "RevokeToken"
	for name, test := range map[string]struct {
		call func() error
		want []string
	}{
		"a refresh": {func() error { _, err := client.Refresh(ctx, set.Refresh, nil); return err }, []string{"started " + op + " request", "sent call", "called " + op + " call"}},
		"a refusal": {func() error { _, err := client.Refresh(ctx, "unknown", nil); return ignore(err) }, []string{"started " + op + " request", "sent call", "called " + op + " call"}},
		"a code": {func() error {
			_, err := client.Exchange(ctx, "unknown", "verifier", "https://x.example/")
			return ignore(err)
		}, []string{"started Token request", "sent call", "called Token call"}},
		"Revoke":     {func() error { return client.Revoke(ctx, "unknown") }, []string{"started " + revoke + " request", "sent call", "called " + revoke + " call"}},
		"Check":      {func() error { return client.Check(ctx) }, []string{"started " + op + " request check", "sent call", "called " + op + " call check"}},
		"CheckLogin": {func() error { return client.CheckLogin(ctx, "https://app.example.com/callback") }, []string{"started Token request check", "sent call", "called Token call check"}},
	} {
		if err := test.call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := log.take(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func ignore(error) error { return nil }

// TestKeyFetchHooks: a fetch has the values of the request that needs it, and outlives it.
func TestKeyFetchHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log hookLog
		server := cognitotest.New(cognitotest.User{Username: "ada"})
		server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Delay: time.Second} })
		verifier, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: log.client(server), Hooks: tokens.Hooks{
			KeysFetchStarted: func(ctx context.Context, issuer string) context.Context {
				log.add("started " + textOf(ctx))
				if textOf(ctx) == "nil" {
					return nil
				}
				return withText(ctx, "fetch")
			},
			KeysFetched: func(ctx context.Context, issuer string, keys int, err error) {
				log.add("fetched " + textOf(ctx))
				if keys == 0 || err != nil || ctx.Err() != nil {
					t.Errorf("%d keys, %v, %v", keys, err, ctx.Err())
				}
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		raw := server.Issue("ada").Access
		ctx, cancel := context.WithTimeout(withText(context.Background(), "request"), time.Millisecond)
		defer cancel()
		if _, err := verifier.Verify(ctx, raw, tokens.Access); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("while the keys are fetched: %v", err)
		}
		token, err := verifier.Verify(context.Background(), raw, tokens.Access)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := log.take(), []string{"started request", "sent fetch", "fetched fetch"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}

		time.Sleep(90 * time.Minute) // in the bubble
		verifier.Trusted(time.Now(), token)
		time.Sleep(time.Minute)
		if got, want := log.take(), []string{"started ", "sent fetch", "fetched fetch"}; !slices.Equal(got, want) {
			t.Errorf("in the background: %q, want %q", got, want)
		}
		time.Sleep(90 * time.Minute)
		if _, err := verifier.Verify(withText(context.Background(), "nil"), server.Issue("ada").Access, tokens.Access); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if got, want := log.take(), []string{"started nil", "sent nil", "fetched nil"}; !slices.Equal(got, want) {
			t.Errorf("a hook that returns nil: %q, want %q", got, want)
		}
	})
}

// TestKeyFetchHookPanics: a fetch whose hook panics fails, and the next one works.
func TestKeyFetchHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, panics, fetched := cognitotest.New(cognitotest.User{Username: "ada"}), true, 0
		verifier, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client(), Hooks: tokens.Hooks{
			KeysFetchStarted: func(ctx context.Context, issuer string) context.Context {
				if panics {
					panic("a hook")
				}
				return ctx
			},
			KeysFetched: func(context.Context, string, int, error) { fetched++ },
		}})
		if err != nil {
			t.Fatal(err)
		}
		raw := server.Issue("ada").Access
		if _, err := verifier.Verify(t.Context(), raw, tokens.Access); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		panics = false
		time.Sleep(time.Minute)
		if _, err := verifier.Verify(t.Context(), raw, tokens.Access); err != nil || fetched != 2 {
			t.Errorf("%v, %d ends", err, fetched)
		}
	})
}
