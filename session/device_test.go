package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// Keys of devices. TestMain looks for their common part in all logs and errors.
const (
	adasDevice    = "eu-west-1_5ec2e7-ada-1111"
	plantedDevice = "eu-west-1_5ec2e7-bad-2222"
)

// deviceCookies appends the cookies of remembered devices of ada's.
func (e *env) deviceCookies(cookies []string, keys ...string) []string {
	cookies = slices.Clone(cookies)
	for _, key := range keys {
		cookies = append(cookies, e.prefixed("ada.deviceKey=")+key, e.prefixed("ada.deviceGroupKey=g"), e.prefixed("ada.randomPasswordKey=p"))
	}
	return cookies
}

// without leaves out the cookies of a slot.
func without(slot string, cookies []string) []string {
	return slices.DeleteFunc(slices.Clone(cookies), func(cookie string) bool { return strings.Contains(cookie, slot+"=") })
}

// TestDeviceKey refreshes sessions with and without a device, whose cookies name the same
// one, another, or several. Nobody loses a session by a planted cookie, and each round
// takes one call, once Cognito has refused a cookie's key.
func TestDeviceKey(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	tooLong := "eu-west-1_" + strings.Repeat("a", 4096)
	for name, test := range map[string]struct {
		device  string   // of the session
		cookies []string // device keys
		leftOut string   // cookies
		calls   int      // of the first round
	}{
		"a session without a device":             {"", nil, "", 1},
		"a device":                               {adasDevice, []string{adasDevice}, "", 1},
		"a device, no cookie":                    {adasDevice, nil, "", 1},
		"a device, a planted key":                {adasDevice, []string{plantedDevice}, "", 1},
		"a device, a planted key in front":       {adasDevice, []string{plantedDevice, adasDevice}, "", 1},
		"a device, a key that is none":           {adasDevice, []string{"x"}, "", 1},
		"a device, a long key":                   {adasDevice, []string{tooLong}, "", 1},
		"a device, no access token":              {adasDevice, []string{adasDevice}, "accessToken", 1},
		"a device, no access token, a long key":  {adasDevice, []string{tooLong, adasDevice}, "accessToken", 1},
		"no device, a planted key":               {"", []string{plantedDevice}, "", 2},
		"no device, planted keys":                {"", []string{plantedDevice, adasDevice}, "", 2},
		"no device, a key that is none":          {"", []string{"x"}, "", 2},
		"no device, a key of another language":   {"", []string{"%C3%A9_%00%20"}, "", 2},
		"no device, a long key":                  {"", []string{tooLong}, "", 1},
		"no device, no access token, a long key": {"", []string{tooLong}, "accessToken", 1},
		"no device, no access token":             {"", []string{plantedDevice}, "accessToken", 2},
		"no device, no tokens of the user":       {"", []string{plantedDevice}, "Token", 0},
		"no device, part of the cookies":         {"", []string{plantedDevice}, "deviceGroupKey", 1},
	} {
		for _, rotation := range []bool{true, false}[:longtest.Scale(1, 2)] {
			t.Run(fmt.Sprintf("%s, rotation %t", name, rotation), func(t *testing.T) {
				e := newEnv(t, nil)
				e.server.SetRotation(rotation, 0)
				var edit func(*cognitotest.Draft)
				if test.device != "" {
					edit = cognitotest.Device(test.device)
				}
				set := e.server.Issue("ada", edit)
				for round := range 3 {
					if round > 0 {
						e.advance(61 * time.Minute)
					}
					leftOut := test.leftOut
					if round == 0 && leftOut != "accessToken" {
						e.advance(61 * time.Minute)
					}
					if round > 0 && leftOut == "accessToken" {
						leftOut = "" // a refresh brings one
					}
					cookies := e.deviceCookies(e.cookies("ada", set), test.cookies...)
					if leftOut == "Token" {
						cookies = e.deviceCookies(cookies[:1], test.cookies...)
					} else if leftOut != "" {
						cookies = without(leftOut, cookies)
					}
					before := e.server.Calls(opRefresh)
					s, lines, err := e.fetch(pageRequest(cookies...))
					calls := e.server.Calls(opRefresh) - before
					if test.calls == 0 {
						if !errors.Is(err, session.ErrSignedOut) || calls > 0 {
							t.Errorf("round %d: %v, %v, %d calls", round, s, err, calls)
						}
						return
					}
					if err != nil || s.AccessToken().DeviceKey() != test.device {
						t.Fatalf("round %d: %v, %v", round, s, err)
					}
					if want := test.calls; round == 0 && calls != want || round > 0 && calls != 1 {
						t.Errorf("round %d: %d calls", round, calls)
					}
					set = e.tokensOf("ada", lines)
				}
			})
		}
	}
}

// TestRefusedDevice has Cognito refuse a session whose device is not known here: its
// access token is missing. The refusal clears the cookies, but not those of the device.
// Each of several keys is tried, up to four.
func TestRefusedDevice(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for name, test := range map[string]struct {
		cookies []string
		calls   int
		want    error // not if it is ErrUnavailable at first: the next request goes on
	}{
		"no key":          {nil, 1, session.ErrSignedOut},
		"a wrong key":     {[]string{plantedDevice}, 2, session.ErrSignedOut},
		"a wrong twice":   {[]string{plantedDevice, plantedDevice}, 2, session.ErrSignedOut},
		"the second key":  {[]string{plantedDevice, adasDevice}, 3, nil},
		"the fourth key":  {[]string{"a", "b", "c", adasDevice}, 7, nil},
		"many wrong keys": {[]string{"a", "b", "c", "d", "e", adasDevice}, 7, session.ErrSignedOut}, // the last one once
	} {
		e := newEnv(t, nil)
		set := e.server.Issue("ada", cognitotest.Device(adasDevice))
		lost := e.deviceCookies(without("accessToken", e.cookies("ada", set)), test.cookies...)
		for i := range 3 {
			_, lines, err := e.fetch(pageRequest(lost...))
			if i < 2 && errors.Is(err, tokens.ErrUnavailable) && len(lines) == 0 {
				continue
			}
			if !errors.Is(err, test.want) || e.cleared(lines) != (err != nil && name != "many wrong keys") {
				t.Errorf("%s: %v, %v", name, err, e.changes(lines))
			}
			if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, ".deviceKey=") }) {
				t.Errorf("%s: the device is forgotten: %q", name, lines)
			}
		}
		if n := e.server.Calls(opRefresh); n != test.calls {
			t.Errorf("%s: %d calls", name, n)
		}
		// The refusal was of these keys. The key that the token names is not refused.
		e.advance(61 * time.Minute)
		e.fetch(pageRequest(lost...))
		if s, _, err := e.fetch(pageRequest(e.deviceCookies(e.cookies("ada", set), test.cookies...)...)); err != nil {
			t.Errorf("%s, with the access token: %v, %v", name, s, err)
		}
	}
}

// TestLongRefreshTokens shows refresh tokens around the greatest length. Longer ones are
// sent to Cognito neither to be refreshed nor to be revoked, and hide no other.
func TestLongRefreshTokens(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for size, sent := range map[int]int{4095: 1, 4096: 1, 4097: 0, 900_000: 0} {
		long := strings.Repeat("r", size)
		e := newEnv(t, nil)
		set := e.server.Issue("ada", cognitotest.Expired)
		cookies := without("refreshToken", e.cookies("ada", set))
		cookies = append(cookies, e.prefixed("ada.refreshToken=")+long)
		if _, _, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%d bytes: %v", size, err)
		}
		e.end(pageRequest(cookies...))
		if n := e.server.Calls(opRefresh); n != sent {
			t.Errorf("%d bytes: %d refreshes", size, n)
		}
		if n := e.server.Calls(opRevoke); n != sent {
			t.Errorf("%d bytes: %d revocations", size, n)
		}
		cookies = append([]string{e.prefixed("ada.refreshToken=") + long}, e.cookies("ada", set)...)
		if s, _, err := e.fetch(pageRequest(cookies...)); err != nil {
			t.Errorf("%d bytes beside the session's own: %v, %v", size, s, err)
		}
	}
}

// TestLogsQuoteNothingSent has Cognito refuse the parameters of a refresh and quote all of
// them. TestMain searches the logs and errors.
func TestLogsQuoteNothingSent(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InvalidParameterException", "InternalErrorException", "UserLambdaValidationException", "NotAuthorizedException"} {
		e := newEnv(t, nil)
		set := e.server.Issue("ada", cognitotest.Expired, cognitotest.Device(adasDevice))
		e.server.SetFault(func(op string) cognitotest.Fault {
			switch op {
			case opRefresh:
				return cognitotest.Fault{Code: code, Message: fmt.Sprintf("Values '%s' at 'deviceKey', %q at 'refreshToken'", adasDevice, set.Refresh)}
			case opRevoke:
				return cognitotest.Fault{Code: code, Message: fmt.Sprintf("Value %q at 'token'", set.Refresh)}
			}
			return cognitotest.Fault{}
		})
		_, _, err := e.fetch(pageRequest(e.cookies("ada", set)...))
		var api *tokens.APIError
		if !errors.As(err, &api) || api.Message != "Values '…' at 'deviceKey', \"…\" at 'refreshToken'" {
			t.Errorf("%s: %v", code, err)
		}
		e.end(pageRequest(e.cookies("ada", set)...))
	}
}
