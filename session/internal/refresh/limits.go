package refresh

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

// Timeout bounds a refresh, verification included, and before it the wait for another
// process that refreshes the same session.
const Timeout = 5 * time.Second

const (
	repairInterval = time.Minute
	pauseTTL       = 10 * time.Second
	lostReplyTTL   = time.Minute // the longest grace of a rotated refresh token
	clientTTL      = time.Minute

	maxNotes = 4096 // entries of half a memory
)

// limits decide which refresh tokens Cognito is asked about. Nobody can spend Cognito's
// quota through this process, and nobody can lock another user out. All memory is
// bounded.
type limits struct {
	now func() time.Time

	mu       sync.Mutex
	refusals recent.Map[hash, error] // by refresh token and device key
	accounts
	clients     recent.Map[netip.Prefix, *bucket]
	repairs     recent.Map[hash, struct{}] // sign-ins that a broken ID token has refreshed
	paused      recent.Map[hash, struct{}] // sessions that are not refreshed for a while
	lostReplies recent.Map[hash, struct{}] // refresh tokens that a lost reply may have replaced

	demoted, unverified bucket
	storeCalls          bucket
	tombstoneClients    recent.Map[hash, *bucket] // by network
}

func newLimits(now func() time.Time) *limits {
	return &limits{
		now:         now,
		refusals:    recent.Map[hash, error]{Keep: refusalTTL, Max: maxNotes},
		accounts:    newAccounts(),
		clients:     recent.Map[netip.Prefix, *bucket]{Keep: clientTTL, Max: maxNotes},
		repairs:     recent.Map[hash, struct{}]{Keep: repairInterval, Max: maxNotes},
		paused:      recent.Map[hash, struct{}]{Keep: pauseTTL, Max: maxNotes},
		lostReplies: recent.Map[hash, struct{}]{Keep: lostReplyTTL, Max: maxNotes},

		tombstoneClients: recent.Map[hash, *bucket]{Keep: clientTTL, Max: maxNotes},
	}
}

// startCall allows a call, or says why there is none. The caller hands the grant to
// finishCall.
func (l *limits) startCall(refreshToken, deviceKey string, shown *Evidence) (*grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.grantCall(refreshToken, deviceKey, shown)
	if err != nil {
		return nil, err
	}
	g.take()
	for _, u := range g.uses {
		u.running++
	}
	if g.worked != nil {
		g.signIn.refreshing++
		g.user.refreshing++
	}
	return g, nil
}

// mayStartCall is startCall of a call that another process may make instead. It takes
// nothing. It returns the call's origin, and whether a genuine token vouches for it.
func (l *limits) mayStartCall(refreshToken, deviceKey string, shown *Evidence) (from origin, vouched bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, err := l.grantCall(refreshToken, deviceKey, shown)
	if err != nil {
		return origin{}, false, err
	}
	return g.origin, g.user != nil, nil
}

// allowStoreCall allows a request without a genuine token to ask the store.
func (l *limits) allowStoreCall() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.storeCalls.allows(l.now(), storeCallRate) {
		return false
	}
	l.storeCalls.take()
	return true
}

// allowTombstone allows a sign-out to end a refresh token in the store, and counts it. The
// limits are those of revocations: anybody may have found an old access token, and can make
// up refresh tokens beside it. Beyond them, and without a genuine token, the rate is limited,
// also that of one client.
func (l *limits) allowTombstone(refreshToken string, shown *Evidence) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	within := func(g *grant) bool { return g.mayEnd(tombstones, now) }
	if g := l.grant(refreshToken, shown, now, within); within(g) {
		for _, u := range g.uses {
			u.tombstones.add(now, refusalTTL)
		}
		return true
	}
	if !l.storeCalls.allows(now, storeCallRate) {
		return false
	}
	if network, ok := networkOf(shown.Client); ok {
		limit := record(&l.tombstoneClients, hashOf(network.String()), now)
		if !limit.allows(now, clientTombstoneRate) {
			return false
		}
		limit.take()
	}
	l.storeCalls.take()
	return true
}

// noteStoreCall counts a call of the store that cannot be left out.
func (l *limits) noteStoreCall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.storeCalls.take()
}

// grantCall returns a grant that has taken nothing yet. l.mu is held.
func (l *limits) grantCall(refreshToken, deviceKey string, shown *Evidence) (*grant, error) {
	now := l.now()
	if err, refused := l.refusals.Get(sessionKey(refreshToken, deviceKey), now); refused {
		return nil, err
	}
	g := l.grant(refreshToken, shown, now, func(g *grant) bool { return g.mayCall(now) == nil && g.mayBeRefused(now) })
	if err := g.mayCall(now); err != nil {
		return nil, err
	}
	if !g.mayBeRefused(now) {
		if err := l.demote(g, shown.Client, now); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// demote allows a call by rate alone. A client without an address is not limited by itself.
// l.mu is held.
func (l *limits) demote(g *grant, client netip.Addr, now time.Time) error {
	g.once = true
	if g.user != nil {
		if !g.user.demoted.allows(now, demotedUserRate) || !l.demoted.allows(now, demotedRate) {
			return fmt.Errorf("%w of one sign-in", ErrTooMany)
		}
		g.rate = []*bucket{&g.user.demoted, &l.demoted}
	} else {
		if !l.unverified.allows(now, unverifiedRate) {
			return fmt.Errorf("%w without a genuine token", ErrTooMany)
		}
		g.rate = []*bucket{&l.unverified}
		if network, ok := networkOf(client); ok {
			limit, known := l.clients.Get(network, now)
			if !known {
				limit = new(bucket)
			}
			if !limit.allows(now, clientRate) {
				return fmt.Errorf("%w without a genuine token from one address", ErrTooMany)
			}
			l.clients.Put(network, limit, now)
			g.rate = append(g.rate, limit)
		}
	}
	return nil
}

// networkOf returns what one client has of the addresses: an IPv4 address, or the 64
// bits of a network of IPv6 (RFC 6177). It returns false for the zero Addr.
func networkOf(client netip.Addr) (netip.Prefix, bool) {
	client = client.Unmap()
	bits := client.BitLen()
	if client.Is6() {
		bits = 64
	}
	network, err := client.Prefix(bits)
	return network, err == nil && client.IsValid()
}

// allowWithoutDevice allows the second try of a call whose device key was refused. The
// first try counts as a refusal.
func (l *limits) allowWithoutDevice(g *grant) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range g.uses {
		u.refusals.add(l.now(), refusalTTL)
	}
	return !g.once
}

// finishCall notes how a call ended. A refused token is not tried again for a while. A
// lost reply is noted because the call may have had its effect.
func (l *limits) finishCall(g *grant, call *refreshCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, refused := l.now(), Refused(call.err)
	switch {
	case refused:
		l.refusals.Put(sessionKey(call.refreshToken, call.deviceKey), call.err, now)
	case call.err != nil && !wasAnswered(call.err):
		l.lostReplies.Put(sessionKey(call.refreshToken, call.subject), struct{}{}, now)
	}
	for _, u := range g.uses {
		u.running--
	}
	if g.worked != nil {
		g.signIn.refreshing--
		g.user.refreshing--
	}
	if call.hasIssued() {
		for _, b := range g.rate {
			b.giveBack()
		}
		record(&l.signIns, call.origin.signIn, now).refreshed.add(now, successWindow)
		record(&l.users, call.origin.user, now).refreshed.add(now, successWindow)
		return
	}
	for _, u := range g.uses {
		if refused {
			u.refusals.add(now, refusalTTL)
		} else {
			u.failures.add(now, failureWindow)
		}
	}
}

// noteRefusal notes a refusal that another process has got from Cognito.
func (l *limits) noteRefusal(refreshToken, deviceKey string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals.Put(sessionKey(refreshToken, deviceKey), err, l.now())
}

// noteWorked notes that a call has brought tokens.
func (l *limits) noteWorked(call *refreshCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts.noteWorked(call, l.now())
}

// allowRevocation allows a revocation and counts it. once says that the call must not be
// repeated. Nothing is given back for a success, because Cognito may answer so to a
// revocation of any text.
func (l *limits) allowRevocation(refreshToken string, shown *Evidence) (once bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	within := func(g *grant) bool { return g.mayEnd(revocations, now) }
	g := l.grant(refreshToken, shown, now, within)
	if !within(g) {
		if err := l.demote(g, shown.Client, now); err != nil {
			return false, fmt.Errorf("%w to be revoked", err)
		}
	}
	g.take()
	for _, u := range g.uses {
		u.revocations.add(now, refusalTTL)
	}
	return g.once, nil
}

// replyWasLost reports whether the reply to a recent refresh for this user was lost.
// Every newly verified request asks, and nearly always nothing was lost.
func (l *limits) replyWasLost(refreshToken, subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lostReplies.Len() > 0 && l.lostReplies.Has(sessionKey(refreshToken, subject), l.now())
}

// refusal returns Cognito's refusal, within the last minute, of the refresh token with the
// device key. It returns nil if there was none. Another key may not be refused.
func (l *limits) refusal(refreshToken, deviceKey string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err, _ := l.refusals.Get(sessionKey(refreshToken, deviceKey), l.now())
	return err
}

// AllowRepair allows one refresh for a broken ID token per sign-in and minute. Otherwise
// every request with that ID token would call Cognito.
func (l *limits) AllowRepair(access *tokens.Token) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, now := originOf(access).signIn, l.now()
	if l.repairs.Has(key, now) {
		return false
	}
	l.repairs.Put(key, struct{}{}, now)
	return true
}

// Pause puts off refreshes that can wait, because one has just failed and the access
// token is still valid. Otherwise every request in an outage would wait for Cognito, and
// add to its load.
func (l *limits) Pause(refreshToken, subject string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused.Put(sessionKey(refreshToken, subject), struct{}{}, l.now())
}

// IsPaused reports whether a refresh that can wait is put off.
func (l *limits) IsPaused(refreshToken, subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused.Has(sessionKey(refreshToken, subject), l.now())
}
