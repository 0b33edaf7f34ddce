package session_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestJoinedRefusalOfAnotherDevice plants a found token of ada's phone for some paths only.
// A page without it joins a refresh that Cognito refuses because of the phone's key.
func TestJoinedRefusalOfAnotherDevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, nil)
		own := e.server.Issue("ada")
		e.advance(10 * time.Minute)
		phone := e.server.Issue("ada", cognitotest.Device(adasDevice))
		e.advance(3 * time.Hour)
		clean := e.cookies("ada", own)
		planted := append([]string{e.prefixed("ada.accessToken=") + phone.Access}, clean...)
		e.fetch(scriptRequest(e.cookies("ada", onlyAccess(own))...)) // fetches the keys
		release := e.hold(opRefresh)
		var wg sync.WaitGroup
		wg.Go(func() { e.fetch(scriptRequest(planted...)) })
		synctest.Wait()
		var s *session.Session
		var lines []string
		var err error
		wg.Go(func() { s, lines, err = e.fetch(pageRequest(clean...)) })
		synctest.Wait()
		release()
		wg.Wait()
		if err != nil || s.User().Username != "ada" {
			t.Errorf("ada gets %v, %v, cookies %v", s, err, e.changes(lines))
		}
	})
}

// TestPlantedDeviceBesideUnknownKey: the keys were replaced and the process started
// anew, so ada's own token cannot be judged. A found token of her phone, expired, is
// planted.
func TestPlantedDeviceBesideUnknownKey(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		own := e.server.Issue("ada")
		e.server.RotateKeys()
		phone := e.server.Issue("ada", cognitotest.Device(adasDevice))
		e.advance(2 * time.Hour)
		cookies := e.cookies("ada", own)
		if plant {
			cookies = append(cookies, e.prefixed("ada.accessToken=")+phone.Access)
		}
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != "ada" {
			t.Errorf("planted %v: %v, %v, %v", plant, s, err, e.changes(lines))
		}
	}
}

// TestPlantedDeviceCookiesBesideUnknownKey is the same with a planted device cookie before
// ada's own. Cognito is asked with it first.
func TestPlantedDeviceCookiesBesideUnknownKey(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		own := e.server.Issue("ada", cognitotest.Device(adasDevice))
		e.server.RotateKeys()
		e.advance(2 * time.Hour)
		cookies := e.cookies("ada", own)
		if plant {
			cookies = e.deviceCookies(cookies, plantedDevice)
		}
		cookies = e.deviceCookies(cookies, adasDevice)
		for range 3 {
			s, lines, err := e.fetch(pageRequest(cookies...))
			if err != nil || s.User().Username != "ada" {
				t.Errorf("planted %v: %v, %v, %v", plant, s, err, e.changes(lines))
			}
			e.advance(15 * time.Minute)
		}
	}
}

// TestDeviceClaimedAndInACookie: ada's session has no device. A found token of her
// phone, expired, is planted, and device cookies with the phone's key.
func TestDeviceClaimedAndInACookie(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{true, false} { // her session was served here before
		e := newEnv(t, nil)
		own := e.server.Issue("ada")
		if seen {
			e.fetch(pageRequest(e.cookies("ada", own)...))
		}
		e.advance(10 * time.Minute)
		phone := e.server.Issue("ada", cognitotest.Device(plantedDevice))
		e.advance(3 * time.Hour)
		cookies := append(e.deviceCookies(e.cookies("ada", own), plantedDevice), e.prefixed("ada.accessToken=")+phone.Access)
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != "ada" {
			t.Errorf("seen %v: %v, %v, %v", seen, s, err, e.changes(lines))
		}
	}
}

// TestUnknownDeviceClearsNothing: the keys were replaced, and ada's own token, which names
// her device, cannot be judged. Beside a planted token of her phone, all refusals say
// nothing of her session.
func TestUnknownDeviceClearsNothing(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	own := e.server.Issue("ada", cognitotest.Device(adasDevice))
	e.server.RotateKeys()
	phone := e.server.Issue("ada", cognitotest.Device(plantedDevice))
	e.advance(2 * time.Hour)
	cookies := append(e.cookies("ada", own), e.prefixed("ada.accessToken=")+phone.Access)
	if s, lines, err := e.fetch(pageRequest(cookies...)); err == nil || len(lines) > 0 {
		t.Errorf("%v, %v, %v", s, err, e.changes(lines))
	}
}
