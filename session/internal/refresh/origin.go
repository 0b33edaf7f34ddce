package refresh

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/cognitogate/cognitogate/tokens"
)

// hash stands for a token or a name, so that memory holds none for longer than needed.
type hash [sha256.Size]byte

func hashOf(s string) hash { return sha256.Sum256([]byte(s)) }

// shortHash is the first half of a hash. Nobody finds a second text with the same one.
type shortHash [sha256.Size / 2]byte

func (h hash) short() shortHash { return shortHash(h[:len(h)/2]) }

// hashOfParts stands for texts in their order.
func hashOfParts(parts ...string) hash {
	var all []byte
	for _, part := range parts {
		all = binary.BigEndian.AppendUint64(all, uint64(len(part)))
		all = append(all, part...)
	}
	return sha256.Sum256(all)
}

// hashOfBoth stands for two texts together.
func hashOfBoth(a, b string) hash {
	var both [2 * sha256.Size]byte
	x, y := hashOf(a), hashOf(b)
	copy(both[copy(both[:], x[:]):], y[:])
	return sha256.Sum256(both[:])
}

// sessionKey stands for a refresh token in one user's cookies. The same token planted
// in another user's cookies says nothing about this user's session.
func sessionKey(refreshToken, subject string) hash { return hashOfBoth(refreshToken, subject) }

// origin is the sign-in, and its user, that tokens descend from.
type origin struct{ signIn, user hash }

// originOf returns the origin of a genuine token. Tokens of app clients without token
// revocation do not name their sign-in. Its time stands for it then.
func originOf(t *tokens.Token) origin {
	name := "origin " + t.OriginID()
	if t.OriginID() == "" {
		name = "time " + strconv.FormatInt(t.AuthTime().Unix(), 10)
	}
	return origin{signIn: hashOfBoth(name, t.Subject()), user: hashOf(t.Subject())}
}

// unknownOrigin returns the origin of a refresh token of which nothing else is known. It
// is its own sign-in and user.
func unknownOrigin(refreshToken string) origin {
	key := hashOfBoth("refresh token", refreshToken)
	return origin{signIn: key, user: key}
}
