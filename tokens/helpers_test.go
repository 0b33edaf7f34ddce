package tokens_test

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// reasonOf returns the Reason that err reports, as an error, or err.
func reasonOf(err error) error {
	if refusal := (*tokens.VerifyError)(nil); errors.As(err, &refusal) {
		return refusal.Reason
	}
	return err
}

// goldenKey is one of the published test keys of testdata/amplify.
type goldenKey struct {
	*rsa.PrivateKey
	kid string
	jwk string // of the public key
}

var goldenKeys = sync.OnceValue(func() map[string]goldenKey {
	text, err := os.ReadFile("../testdata/amplify/keys.json")
	if err != nil {
		panic(err)
	}
	var file struct {
		Keys map[string]struct{ Kid, N, E, D, P, Q string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		panic(err)
	}
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			panic(err)
		}
		return new(big.Int).SetBytes(b)
	}
	keys := make(map[string]goldenKey)
	for name, k := range file.Keys {
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())},
			D:         number(k.D),
			Primes:    []*big.Int{number(k.P), number(k.Q)},
		}
		key.Precompute()
		jwk := fmt.Sprintf(`{"alg":"RS256","e":%q,"kid":%q,"kty":"RSA","n":%q,"use":"sig"}`, k.E, k.Kid, k.N)
		keys[name] = goldenKey{key, k.Kid, jwk}
	}
	return keys
})

// The user pool and the time that tokens are verified with.
var (
	goldenUserPool = tokens.UserPool{ID: "us-east-1_GoldenA01", ClientID: "1goldenweb2345678901234567"}
	goldenNow      = time.Unix(1790000000, 0)
)

// accessKey and idKey are keys of the user pool; rogueKey is not.
func accessKey() goldenKey { return goldenKeys()["aAccess"] }
func idKey() goldenKey     { return goldenKeys()["aId"] }
func rogueKey() goldenKey  { return goldenKeys()["rogue"] }

// newGoldenVerifier returns a Verifier with the user pool's two keys.
func newGoldenVerifier(t testing.TB) *tokens.Verifier {
	t.Helper()
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
		Now: func() time.Time { return goldenNow },
		Keys: tokens.StaticKeySet{
			accessKey().kid: crypto.PublicKey(&accessKey().PublicKey),
			idKey().kid:     crypto.PublicKey(&idKey().PublicKey),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// draft is a token before it is signed. Header and claims are lists of JSON members, so
// that they can have members that no encoder writes.
type draft struct {
	use            tokens.Use
	header, claims []string
	sign           func(input string) []byte

	text [2]string                    // replace the JSON of header and claims
	join func(parts [3]string) string // replaces compact serialisation
}

// newDraft returns a genuine token of goldenUserPool that expires at exp.
func newDraft(use tokens.Use, exp time.Time) *draft {
	key := accessKey()
	claims := []string{
		`"sub":"e85a5a43-12c1-49d2-a969-727bff0dd8f6"`,
		`"iss":"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01"`,
		`"client_id":"1goldenweb2345678901234567"`,
		`"token_use":"access"`,
		fmt.Sprintf(`"exp":%d`, exp.Unix()),
	}
	if use == tokens.ID {
		key = idKey()
		claims[2], claims[3] = `"aud":"1goldenweb2345678901234567"`, `"token_use":"id"`
	}
	d := &draft{use: use, claims: claims, sign: rs256(key)}
	d.header = []string{fmt.Sprintf(`"kid":%q`, key.kid), `"alg":"RS256"`}
	return d
}

// signatures holds those of all tests, because signing takes most of their time and
// several tests sign the same.
var signatures sync.Map

func rs256(key goldenKey) func(string) []byte {
	type signed struct {
		key   *rsa.PrivateKey
		input string
	}
	sign := cognitotest.RS256(key.PrivateKey)
	return func(input string) []byte {
		known, ok := signatures.Load(signed{key.PrivateKey, input})
		if !ok {
			known, _ = signatures.LoadOrStore(signed{key.PrivateKey, input}, sign([]byte(input)))
		}
		return slices.Clone(known.([]byte))
	}
}

// set replaces the member of that name in list by others.
func set(list *[]string, name string, members ...string) {
	*list = slices.DeleteFunc(*list, func(m string) bool { return strings.HasPrefix(m, `"`+name+`":`) })
	*list = append(*list, members...)
}

func (d *draft) token() string {
	header, claims := "{"+strings.Join(d.header, ",")+"}", "{"+strings.Join(d.claims, ",")+"}"
	if d.text[0] != "" {
		header = d.text[0]
	}
	if d.text[1] != "" {
		claims = d.text[1]
	}
	parts := [3]string{encode([]byte(header)), encode([]byte(claims))}
	parts[2] = encode(d.sign(parts[0] + "." + parts[1]))
	if d.join != nil {
		return d.join(parts)
	}
	return strings.Join(parts[:], ".")
}
