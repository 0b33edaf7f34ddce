package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// keyedExchange has Cognito accept one device key, and refuse others with an error.
func (e *env) keyedExchange(right string, refusal error) (sent *[]string) {
	sent = new([]string)
	var mu sync.Mutex
	good := e.exchange
	e.config.Exchange = func(_ context.Context, refreshToken string, opts *tokens.RefreshOptions) (*tokens.Set, error) {
		mu.Lock()
		*sent = append(*sent, opts.DeviceKey)
		mu.Unlock()
		time.Sleep(time.Second)
		if opts.DeviceKey != right {
			return nil, refusal
		}
		return good(refreshToken)
	}
	e.Engine = refresh.New(e.config)
	return sent
}

func refused(code, message string) error {
	return fmt.Errorf("tokens: %w", &tokens.APIError{Status: 400, Code: code, Message: message})
}

// TestDeviceOfACookie tries a cookie's device key once, whatever the refusal says. The
// next tokens of the session are refreshed without it, for a day. After another error,
// which says nothing about the device, it is not tried without.
func TestDeviceOfACookie(t *testing.T) {
	for name, test := range map[string]struct {
		refusal error
		retried bool
	}{
		"its key":            {refused("NotAuthorizedException", "Invalid device key given."), true},
		"the refresh token":  {refused("NotAuthorizedException", "Invalid Refresh Token"), true},
		"the parameter":      {refused("InvalidParameterException", "Value at 'deviceKey' failed"), true},
		"the device is gone": {refused("ResourceNotFoundException", "Device does not exist."), true},
		"the client secret":  {refused("NotAuthorizedException", "Unable to verify secret hash for client c"), false},
		"reuse":              {refused("RefreshTokenReuseException", "reuse"), false},
		"throttling":         {fmt.Errorf("%w: %w", tokens.ErrUnavailable, &tokens.APIError{Code: "TooManyRequestsException", Status: 400}), false},
		"a lost reply":       {fmt.Errorf("%w: EOF", tokens.ErrUnavailable), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t)
				sent := e.keyedExchange("", test.refusal)
				planted := refresh.Device{Key: "planted"}
				got, err := e.refreshWith(refresh.Request{RefreshToken: "a", Device: planted, Genuine: []*tokens.Token{e.adas}})
				if !test.retried {
					if !errors.Is(err, test.refusal) || len(*sent) != 1 {
						t.Errorf("%v, sent %q", err, *sent)
					}
					return
				}
				if err != nil || got.Refresh != "a'" || !slices.Equal(*sent, []string{"planted", ""}) {
					t.Fatalf("%v, sent %q", err, *sent)
				}
				for token := "a'"; len(token) < 40; token += "'" { // a day and more
					e.advance(time.Hour)
					if _, err := e.refreshWith(refresh.Request{RefreshToken: token, Device: planted, Genuine: []*tokens.Token{e.adas}}); err != nil {
						t.Fatalf("%q: %v", token, err)
					}
				}
				if n := strings.Count(strings.Join(*sent, " "), "planted"); n != 1 {
					t.Errorf("sent %d times: %q", n, *sent)
				}
			})
		})
	}
}

// TestRefusalIsOfItsDevice has requests with other keys come during a refused call, and
// after it. A key that a token names is refused neither by the call nor by its memory.
func TestRefusalIsOfItsDevice(t *testing.T) {
	refusal := refused("NotAuthorizedException", "Invalid Refresh Token")
	for _, during := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			e := newEnv(t)
			sent := e.keyedExchange("right", refusal)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := e.refreshWith(refresh.Request{RefreshToken: "a", Device: refresh.Device{Key: "planted"}, Genuine: []*tokens.Token{e.adas}}); !errors.Is(err, refusal) {
					t.Error(err)
				}
			})
			synctest.Wait()
			if !during {
				wg.Wait()
			}
			right := refresh.Request{RefreshToken: "a", Device: refresh.Device{Key: "right", Claimed: true}, Genuine: []*tokens.Token{e.adas}}
			for range 3 {
				wg.Go(func() {
					if _, err := e.refreshWith(right); err != nil {
						t.Errorf("during it %t: %v", during, err)
					}
				})
			}
			wg.Wait()
			if want := []string{"planted", "", "right"}; !slices.Equal(*sent, want) {
				t.Errorf("during it %t: sent %q", during, *sent)
			}
			// The wrong key is not asked about again, and gets nothing from memory.
			if err := e.Refusal("a", refresh.Device{Key: "planted"}); !errors.Is(err, refusal) {
				t.Error(err)
			}
			if err := e.Refusal("a", right.Device); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestClaimedDeviceIsNotDropped has Cognito refuse the key that a token names: it is not
// tried without.
func TestClaimedDeviceIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		refusal := refused("NotAuthorizedException", "Invalid device key given.")
		sent := e.keyedExchange("", refusal)
		gone := refresh.Device{Key: "gone", Claimed: true}
		for range 3 {
			if _, err := e.refreshWith(refresh.Request{RefreshToken: "a", Device: gone, Genuine: []*tokens.Token{e.adas}}); !errors.Is(err, refusal) || len(*sent) != 1 {
				t.Errorf("%v, sent %q", err, *sent)
			}
		}
	})
}
