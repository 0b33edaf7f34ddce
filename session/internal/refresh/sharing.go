package refresh

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	// claimLease is how long another process's claim is waited for: the Timeout of its call,
	// and claimMaxAge before it.
	claimLease  = Timeout + claimMaxAge
	claimMaxAge = 3 * time.Second // of a claim when Cognito is called

	seenClaimTTL = 10 * time.Minute // of a claim that nobody looks at

	defaultPollInterval = 50 * time.Millisecond

	maxPollFailures = 3  // in a row
	maxSwaps        = 20 // tries to replace what stands in the store
	saveTimeout     = 2 * time.Second
)

var (
	errClaimed           = fmt.Errorf("%w: another process refreshes this session and has not finished", tokens.ErrUnavailable)
	errTooManyStoreCalls = fmt.Errorf("%w in the store", ErrTooMany)
	errNoTombstone       = errors.New("the store has not taken a sign-out, because others changed the value meanwhile")
)

// sharing makes one call to Cognito out of those of several processes. Each refresh token
// has a key in the store. The process that puts its claim there calls Cognito, and replaces
// the claim by the result. The others wait for that.
//
// No clock of the store matters. A process measures by its own how long it has seen the same
// claim. After claimLease the holder's call has ended, and another process takes its place.
type sharing struct {
	storeValues
	store                *boundedStore
	userPoolID, clientID string
	pollInterval         time.Duration

	mu   sync.Mutex
	seen recent.Map[hash, seenClaim] // claims of other processes, by key
}

// seenClaim outlives the request that has seen the claim: requests end before a lease.
type seenClaim struct {
	claim hash
	since time.Time
}

func newSharing(store *boundedStore, box *seal.Box, now func() time.Time, userPoolID, clientID string) *sharing {
	s := &sharing{
		storeValues: storeValues{box, now},
		store:       store, userPoolID: userPoolID, clientID: clientID,
		pollInterval: defaultPollInterval,
		seen:         recent.Map[hash, seenClaim]{Keep: seenClaimTTL, Max: maxNotes},
	}
	if slow, ok := store.store.(interface{ PollInterval() time.Duration }); ok {
		if interval := slow.PollInterval(); interval > 0 {
			s.pollInterval = interval
		}
	}
	return s
}

func (s *sharing) key(refreshToken string) string {
	return storeKey(s.userPoolID, s.clientID, refreshToken)
}

// storeKey returns the key of a refresh token: a hash, so that the store sees no token. It
// depends on no secret, so that processes that have replaced theirs agree with the others.
func storeKey(userPoolID, clientID, refreshToken string) string {
	sum := hashOfParts(userPoolID, clientID, refreshToken)
	return "cg1:r:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// sinceSeen returns for how long this process has seen the same claim under a key.
func (s *sharing) sinceSeen(key string, claim []byte) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, of, name := time.Now(), hashOf(string(claim)), hashOf(key)
	known, ok := s.seen.Get(name, now)
	if !ok || known.claim != of {
		known = seenClaim{of, now}
	}
	s.seen.Put(name, known, now)
	return now.Sub(known.since)
}

// placeTombstone puts a tombstone under the key of a refresh token, whatever is there: no
// process refreshes it any more, or delivers what a running call brings. It returns the
// tokens of a refresh that were there, also with an error. Nobody has verified them.
func (s *sharing) placeTombstone(ctx context.Context, refreshToken string) (replaced *tokens.Set, err error) {
	key := s.key(refreshToken)
	tombstone := s.tombstone(key)
	failed := false
	for range maxSwaps {
		there, err := s.store.Add(ctx, key, tombstone, resultMaxTTL)
		swapped := there == nil || bytes.Equal(there, tombstone)
		if err == nil && !swapped {
			if value := s.open(key, there); value.kind == kindResult {
				replaced = value.set
			}
			swapped, err = s.store.Swap(ctx, key, there, tombstone, resultMaxTTL)
		}
		switch {
		case err == nil && swapped:
			return replaced, nil
		case err != nil && failed:
			if replaced != nil && there != nil {
				// A full store takes no tombstone, but no process need find the result.
				_, _ = s.store.Swap(ctx, key, there, nil, 0)
			}
			return replaced, err
		case err != nil:
			failed = true // the first try may have had its effect
		}
	}
	return replaced, errNoTombstone
}
