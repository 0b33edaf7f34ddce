package refresh

import (
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
)

const (
	receivedTTL = 24 * time.Hour // no access token lives longer
	maxReceived = 8192           // access tokens
)

// receivedTokens remember when Cognito's answers brought access tokens to this process.
// Those times need no agreement of clocks.
type receivedTokens struct {
	now func() time.Time

	mu    sync.Mutex
	times recent.Map[hash, time.Time]
}

func newReceivedTokens(now func() time.Time) *receivedTokens {
	return &receivedTokens{now: now, times: recent.Map[hash, time.Time]{Keep: receivedTTL, Max: maxReceived}}
}

// noteReceived notes that Cognito has just issued an access token to this process.
func (t *receivedTokens) noteReceived(access string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.times.Put(hashOf(access), now, now)
}

// sinceReceived returns for how long this process has had an access token. ok is false if
// it does not know. The wall clock counts too: some monotonic clocks stand still while a
// machine sleeps.
func (t *receivedTokens) sinceReceived(access string) (age time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	at, ok := t.times.Get(hashOf(access), now)
	if age = now.Sub(at); age < 0 {
		return 0, false // the clock was set back
	}
	return max(age, now.Round(0).Sub(at.Round(0))), ok
}
