package session

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	genuineTTL = time.Hour
	refusedTTL = 10 * time.Minute
	maxGenuine = 1024 // tokens in half a memory
	maxRefused = 4096
)

// checkedTokens remember what signature checks have found out, for requests that leave a
// choice of tokens. The next request with the same cookies spends its checks on others,
// so that planted tokens cannot hide the user's own for ever. Refused tokens never
// displace genuine ones.
type checkedTokens struct {
	mu      sync.Mutex
	genuine recent.Map[textHash, *tokens.Token] // valid or expired
	refused recent.Map[textHash, error]
}

// textHash stands for a text that a client has sent.
type textHash [sha256.Size]byte

func newCheckedTokens() *checkedTokens {
	return &checkedTokens{
		genuine: recent.Map[textHash, *tokens.Token]{Keep: genuineTTL, Max: maxGenuine},
		refused: recent.Map[textHash, error]{Keep: refusedTTL, Max: maxRefused},
	}
}

// note notes what Verify has returned for a token.
func (c *checkedTokens) note(raw string, use tokens.Use, token *tokens.Token, err error, now time.Time) {
	refusal, ok := errors.AsType[*tokens.VerifyError](err)
	if ok && refusal.Reason == tokens.Expired {
		token = refusal.Token
	}
	key := hashOf(raw, string(use))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case token != nil:
		c.genuine.Put(key, token, now)
	case refusal != nil && refusal.Reason.Final(): // else a clock may be set right, or a key come back
		c.refused.Put(key, err, now)
	}
}

// find returns a token that was genuine, which may have expired meanwhile, or the error of
// one that was refused, or neither.
func (c *checkedTokens) find(raw string, use tokens.Use, now time.Time) (*tokens.Token, error) {
	key := hashOf(raw, string(use))
	c.mu.Lock()
	defer c.mu.Unlock()
	if token, ok := c.genuine.Get(key, now); ok {
		return token, nil
	}
	err, _ := c.refused.Get(key, now)
	return nil, err
}

func hashOf(text, kind string) textHash { return sha256.Sum256([]byte(kind + " " + text)) }
