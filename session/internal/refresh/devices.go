package refresh

import (
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
)

const (
	deviceRefusalTTL  = 24 * time.Hour
	maxDeviceRefusals = 8192
)

// Device is the remembered device of a session. Cognito refuses a refresh with another
// device's key, and the refresh of a device's session without its key.
type Device struct {
	Key     string
	Claimed bool // by a verified token; otherwise the Key is a cookie's, which may be planted
}

// devices remember which cookies' device keys Cognito has refused, by refresh token.
type devices struct {
	now func() time.Time

	mu      sync.Mutex
	refused recent.Map[hash, struct{}]
}

func newDevices(now func() time.Time) *devices {
	return &devices{now: now, refused: recent.Map[hash, struct{}]{Keep: deviceRefusalTTL, Max: maxDeviceRefusals}}
}

// keyFor returns the device key to send with a refresh token. A cookie's key is never
// sent again after a refusal.
func (d *devices) keyFor(refreshToken string, device Device) string {
	if device.Key == "" || device.Claimed {
		return device.Key
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused.Has(sessionKey(refreshToken, device.Key), d.now()) {
		return ""
	}
	return device.Key
}

// noteRefused notes that Cognito has refused a cookie's device key.
func (d *devices) noteRefused(refreshToken, key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused.Put(sessionKey(refreshToken, key), struct{}{}, d.now())
}
