package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	refreshLimit  = 5 * time.Second // a whole refresh, verification included
	keepResult    = 2 * time.Minute
	keepRefusal   = time.Minute
	keepRepair    = time.Minute
	maxKept       = 4096 // results, refusals and repairs, each
	maxRefusals   = 5    // of one user's refresh tokens, in keepRefusal
	unknownRate   = 20   // refreshes a second for which nothing was verified
	unknownBurst  = 40
	codeReuse     = "RefreshTokenReuseException"
	errClockWrong = "session: Cognito's new tokens are not valid by this server's clock: one of the two is wrong"
)

// refreshRequest is what one HTTP request wants of the refresher.
type refreshRequest struct {
	token, device string
	presented     string // the access token in the request's cookies
	subject       string // whose it is, if Cognito certainly issued some token of the session
	force         bool
	metadata      map[string]string
}

// refreshed are verified tokens that a refresh has brought.
type refreshed struct {
	access, id *tokens.Token
	refresh    string // the one to use next
}

// refresher exchanges refresh tokens, once for all requests that hold the same
// one, and keeps what it got: browsers send many requests at once, and with
// rotation a second use of a refresh token would end the session.
type refresher struct {
	m *Manager

	mu      sync.Mutex
	flights map[flightKey]*flight
	order   []*flight // oldest first
	refused map[[sha256.Size]byte]refusal
	bySub   map[string]*subjectBudget
	repairs map[[sha256.Size]byte]time.Time

	unverified *rate.Limiter
}

type flightKey struct{ token, device string }

// flight is a refresh that is under way or was finished a short while ago.
type flight struct {
	key   flightKey
	began time.Time
	done  chan struct{} // closed when the rest is set
	ended time.Time
	got   *refreshed
	set   *tokens.Set // issued by Cognito, but not verified yet: see fly
	err   error
}

func (f *flight) landed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

type refusal struct {
	err   error
	until time.Time
}

type subjectBudget struct {
	refusals int
	until    time.Time
}

func newRefresher(m *Manager) *refresher {
	return &refresher{
		m:          m,
		flights:    make(map[flightKey]*flight),
		refused:    make(map[[sha256.Size]byte]refusal),
		bySub:      make(map[string]*subjectBudget),
		repairs:    make(map[[sha256.Size]byte]time.Time),
		unverified: rate.NewLimiter(unknownRate, unknownBurst),
	}
}

// do returns new tokens for the request: those of a flight that it joins, those
// kept of an earlier one, or those of its own call.
func (r *refresher) do(ctx context.Context, req refreshRequest) (*refreshed, error) {
	began := r.m.now()
	own := req.force || len(req.metadata) > 0 // an earlier flight does not do
	for {
		f, how, err := r.board(ctx, &req, began, own)
		if err != nil {
			return nil, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", tokens.ErrUnavailable, ctx.Err())
		}
		if how == "wait" {
			continue // for a flight that began too early; now its token is known
		}
		if r.m.hooks.Refreshed != nil {
			r.m.hooks.Refreshed(ctx, how, r.m.now().Sub(began), f.err)
		}
		return f.got, f.err
	}
}

// board finds the flight for a request or starts it. how says which: "call",
// "joined", "kept", or "wait" for one that must be over first.
func (r *refresher) board(ctx context.Context, req *refreshRequest, began time.Time, own bool) (f *flight, how string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.m.now()
	r.sweep(now)
	// Follow the chain of rotated tokens to the newest. It is as long as the
	// results that are kept; a token that leads to itself is not rotated.
	var set *tokens.Set
	for range maxKept {
		f = r.flights[flightKey{req.token, req.device}]
		if f == nil {
			break
		}
		if !f.landed() {
			if own && f.began.Before(began) {
				return f, "wait", nil
			}
			return f, "joined", nil
		}
		if f.got == nil {
			set = f.set // already exchanged: only to be verified
			break
		}
		fresh := !r.m.expiring(f.got.access, now) && f.got.access.Raw() != req.presented
		if fresh && (!own || !f.began.Before(began)) {
			return f, "kept", nil
		}
		if f.got.refresh == req.token {
			break
		}
		req.token = f.got.refresh
	}
	if set == nil {
		if err := r.allowed(req, now); err != nil {
			return nil, "", err
		}
	}
	f = &flight{key: flightKey{req.token, req.device}, began: now, done: make(chan struct{}), set: set}
	r.flights[f.key] = f
	r.order = append(r.order, f)
	go r.fly(context.WithoutCancel(ctx), f, *req)
	return f, "call", nil
}

// allowed refuses a call to Cognito that would be in vain or that somebody makes
// us repeat: nobody can use us as a hammer on Cognito's quota. r.mu is held.
func (r *refresher) allowed(req *refreshRequest, now time.Time) error {
	if err := r.remembered(req.token, now); err != nil {
		return err
	}
	if req.subject == "" {
		if !r.unverified.AllowN(now, 1) {
			return fmt.Errorf("%w without a genuine token", errTooMany)
		}
		return nil
	}
	// One expired token of one's own must not buy calls without end either.
	if b := r.bySub[req.subject]; b != nil && now.Before(b.until) && b.refusals >= maxRefusals {
		return fmt.Errorf("%w of one user", errTooMany)
	}
	return nil
}

// errTooMany reports a refresh token that Cognito was not asked about.
var errTooMany = fmt.Errorf("%w: too many refresh tokens", tokens.ErrUnavailable)

// refusal is what Cognito has said of the refresh token within the last minute if
// it will never accept it again, or nil.
func (r *refresher) refusal(token string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remembered(token, r.m.now())
}

// remembered is refusal with r.mu held.
func (r *refresher) remembered(token string, now time.Time) error {
	if len(r.refused) == 0 {
		return nil
	}
	if no, ok := r.refused[sha256.Sum256([]byte(token))]; ok && now.Before(no.until) {
		return no.err
	}
	return nil
}

// fly makes the call and verifies what it brings. It runs on no request's context:
// a request that is cancelled must not take the refresh from the others.
func (r *refresher) fly(ctx context.Context, f *flight, req refreshRequest) {
	ctx, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	set := f.set
	var err error
	if set == nil {
		set, err = r.m.client.Refresh(ctx, req.token, &tokens.RefreshOptions{
			DeviceKey: req.device, ClientMetadata: maps.Clone(req.metadata),
		})
	}
	var got *refreshed
	if err == nil {
		got, err = r.verify(ctx, set, req.token)
	}

	r.warnDeployment(err)

	r.mu.Lock()
	f.ended = r.m.now()
	f.got, f.set, f.err = got, set, err
	if got != nil {
		f.set = nil
	} else if set == nil {
		// Nothing was issued, so nothing is lost by forgetting the flight.
		delete(r.flights, f.key)
	}
	if dead(err) {
		r.remember(&req, err, f.ended)
	}
	r.mu.Unlock()
	close(f.done)
}

// verify believes nothing that comes over the network (W4). An answer that cannot
// be verified is kept, for Cognito may have rotated the refresh token: the next
// request tries it again.
func (r *refresher) verify(ctx context.Context, set *tokens.Set, old string) (*refreshed, error) {
	access, err := r.m.verifier.Verify(ctx, set.Access, tokens.Access)
	if err != nil {
		return nil, r.unbelievable(err)
	}
	got := &refreshed{access: access, refresh: old}
	if set.Refresh != "" {
		got.refresh = set.Refresh
	}
	if set.ID != "" {
		id, err := r.m.verifier.Verify(ctx, set.ID, tokens.ID)
		if err != nil {
			return nil, r.unbelievable(err)
		}
		if id.Subject != access.Subject {
			return nil, fmt.Errorf("%w: refreshed tokens name two users", tokens.ErrUnavailable)
		}
		got.id = id
	}
	return got, nil
}

// unbelievable makes a refused answer ErrUnavailable: it says nothing of the
// user's session. One that is out of its time says that a clock is wrong.
func (r *refresher) unbelievable(err error) error {
	if errors.Is(err, tokens.Expired) || errors.Is(err, tokens.NotYetValid) {
		r.m.warn.clock.Do(func() { r.m.log.Error(errClockWrong, "error", err, "off", r.off(err)) })
	} else if !errors.Is(err, tokens.ErrUnavailable) {
		r.m.warn.answer.Do(func() { r.m.log.Error("session: Cognito's answer holds a token that is refused", "error", err) })
	}
	if errors.Is(err, tokens.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: a refreshed token cannot be used: %w", tokens.ErrUnavailable, err)
}

// off is by how much at least a clock is wrong that finds a new token expired. Of
// one that is not valid yet, the error says it.
func (r *refresher) off(err error) time.Duration {
	refusal := (*tokens.VerifyError)(nil)
	if errors.As(err, &refusal) && refusal.Token != nil {
		return r.m.now().Sub(refusal.Token.ExpiresAt).Round(time.Second)
	}
	return 0
}

// warnDeployment logs an answer that speaks of our configuration. It looks like a
// refusal, and signing everybody out for it would make a small mistake a large one.
func (r *refresher) warnDeployment(err error) {
	api := (*tokens.APIError)(nil)
	if !errors.Is(err, tokens.ErrUnavailable) || !errors.As(err, &api) || api.Status == http.StatusTooManyRequests || api.Status >= 500 {
		return
	}
	switch api.Code {
	case "TooManyRequestsException", "LimitExceededException", "ThrottlingException":
		return
	}
	r.m.warn.deployment.Do(func() {
		r.m.log.Error("session: Cognito refuses to refresh, which looks like a wrong configuration; nobody is signed out for it", "error", err)
	})
}

// remember keeps a refusal, so that a dead token is not tried again at once.
// r.mu is held.
func (r *refresher) remember(req *refreshRequest, err error, now time.Time) {
	if len(r.refused) >= maxKept {
		maps.DeleteFunc(r.refused, func(_ [sha256.Size]byte, no refusal) bool { return !now.Before(no.until) })
	}
	if len(r.refused) < maxKept {
		r.refused[sha256.Sum256([]byte(req.token))] = refusal{err, now.Add(keepRefusal)}
	}
	if req.subject == "" {
		return
	}
	b := r.bySub[req.subject]
	if b == nil || !now.Before(b.until) {
		if len(r.bySub) >= maxKept {
			maps.DeleteFunc(r.bySub, func(_ string, b *subjectBudget) bool { return !now.Before(b.until) })
		}
		b = &subjectBudget{until: now.Add(keepRefusal)}
		r.bySub[req.subject] = b
	}
	b.refusals++
}

// mayRepair reports whether a broken ID token may have its one refresh, and takes
// it: one for each refresh token and minute, or it would be one for each request.
func (r *refresher) mayRepair(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.m.now()
	key := sha256.Sum256([]byte(token))
	if until, ok := r.repairs[key]; ok && now.Before(until) {
		return false
	}
	if len(r.repairs) >= maxKept {
		maps.DeleteFunc(r.repairs, func(_ [sha256.Size]byte, until time.Time) bool { return !now.Before(until) })
	}
	if len(r.repairs) >= maxKept {
		return false
	}
	r.repairs[key] = now.Add(keepRepair)
	return true
}

// sweep forgets the results that are old, or too many. r.mu is held.
func (r *refresher) sweep(now time.Time) {
	n := 0
	for _, f := range r.order {
		old := f.landed() && (now.Sub(f.ended) > keepResult || len(r.order)-n > maxKept)
		if !old {
			break
		}
		if r.flights[f.key] == f {
			delete(r.flights, f.key)
		}
		n++
	}
	clear(r.order[:n])
	r.order = r.order[n:]
}

// signedOut reports that Cognito says the session is over.
func signedOut(err error) bool {
	api := (*tokens.APIError)(nil)
	return errors.As(err, &api) && api.SignedOut()
}

// dead reports that Cognito will never accept the refresh token again.
func dead(err error) bool {
	api := (*tokens.APIError)(nil)
	return errors.As(err, &api) && (api.SignedOut() || api.Code == codeReuse)
}
