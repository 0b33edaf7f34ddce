package tokens_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/tokens"
)

// keySetVector is a JWK Set and the kids of the keys in it that may verify tokens.
type keySetVector struct {
	Name   string          `json:"name"`
	Set    json.RawMessage `json:"set"`
	Usable []string        `json:"usable"` // if empty, the set is an error
}

// keySetVectors returns key sets, most of them with a key that must not verify tokens.
func keySetVectors() []keySetVector {
	access, id, rogue := accessKey(), idKey(), rogueKey()
	// jwk returns the access key's JWK. replace has members to replace by name; an empty
	// one is left out.
	jwk := func(replace map[string]string) string {
		var ms []string
		for _, name := range []string{"kid", "kty", "alg", "use", "key_ops", "n", "e", "x"} {
			text := map[string]string{
				"kid": `"kid":"golden-a-access-1="`, "kty": `"kty":"RSA"`, "alg": `"alg":"RS256"`, "use": `"use":"sig"`,
				"n": `"n":"` + encode(access.N.Bytes()) + `"`, "e": `"e":"AQAB"`,
			}[name]
			if r, ok := replace[name]; ok {
				text = r
			}
			if text != "" {
				ms = append(ms, text)
			}
		}
		return "{" + strings.Join(ms, ",") + "}"
	}
	var list []keySetVector
	add := func(name string, usable []string, jwks ...string) {
		list = append(list, keySetVector{name, json.RawMessage(`{"keys":[` + strings.Join(jwks, ",") + `]}`), usable})
	}
	// one adds a key alone, and an unusable one also beside a good one.
	one := func(name string, good bool, replace map[string]string) {
		key := jwk(replace)
		if good {
			add(name, []string{access.kid}, key)
			return
		}
		add(name, nil, key)
		add(name+", beside a good one", []string{id.kid}, key, id.jwk)
	}
	with := func(member string) map[string]string { return map[string]string{"x": member} }
	modulus := func(bits uint) string { // odd and of that length
		n := new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)
		return `"n":"` + encode(n.Bytes()) + `"`
	}
	one("a key as Cognito publishes it", true, nil)
	one("no alg", true, map[string]string{"alg": ""})
	one("no use", true, map[string]string{"use": ""})
	one("key_ops with verify", true, map[string]string{"key_ops": `"key_ops":["sign","verify"]`})
	one("an unknown member", true, with(`"status":"current"`))
	one("kty EC", false, map[string]string{"kty": `"kty":"EC"`})
	one("kty oct", false, map[string]string{"kty": `"kty":"oct","k":"c2VjcmV0"`})
	one("kty OKP", false, map[string]string{"kty": `"kty":"OKP","crv":"Ed25519","x":"AAAA"`})
	one("kty of the future", false, map[string]string{"kty": `"kty":"AKP"`})
	one("no kty", false, map[string]string{"kty": ""})
	one("only KTY, not kty", false, map[string]string{"kty": `"KTY":"RSA"`})
	one("kty rsa", false, map[string]string{"kty": `"kty":"rsa"`})
	one("use enc", false, map[string]string{"use": `"use":"enc"`})
	one("use is empty", false, map[string]string{"use": `"use":""`})
	one("use is null", false, map[string]string{"use": `"use":null`})
	one("use is an array", false, map[string]string{"use": `"use":["sig"]`})
	one("alg RS512", false, map[string]string{"alg": `"alg":"RS512"`})
	one("alg PS256", false, map[string]string{"alg": `"alg":"PS256"`})
	one("alg RSA-OAEP", false, map[string]string{"alg": `"alg":"RSA-OAEP"`})
	one("alg HS256", false, map[string]string{"alg": `"alg":"HS256"`})
	one("alg is empty", false, map[string]string{"alg": `"alg":""`})
	one("alg is a number", false, map[string]string{"alg": `"alg":256`})
	one("key_ops without verify", false, map[string]string{"key_ops": `"key_ops":["encrypt","wrapKey"]`})
	one("key_ops is empty", false, map[string]string{"key_ops": `"key_ops":[]`})
	one("key_ops is a string", false, map[string]string{"key_ops": `"key_ops":"verify"`})
	one("use comes twice", false, map[string]string{"use": `"use":"enc","use":"sig"`})
	one("n comes twice", false, with(modulus(2048)))
	one("2047 bits", false, map[string]string{"n": modulus(2047)})
	one("1024 bits", false, map[string]string{"n": modulus(1024)})
	one("2048 bits", true, map[string]string{"n": modulus(2048)})
	one("zeros make 1024 bits no longer", false, map[string]string{"n": `"n":"` + encode(append(make([]byte, 128), access.N.Bytes()[128:]...)) + `"`})
	one("no n", false, map[string]string{"n": ""})
	one("n is empty", false, map[string]string{"n": `"n":""`})
	one("n is a number", false, map[string]string{"n": `"n":17`})
	one("n is not base64", false, map[string]string{"n": `"n":"!"`})
	one("no e", false, map[string]string{"e": ""})
	one("e is 1", false, map[string]string{"e": `"e":"AQ"`})
	one("e is 2", false, map[string]string{"e": `"e":"Ag"`})
	one("e is 3", true, map[string]string{"e": `"e":"Aw"`})
	one("e is even", false, map[string]string{"e": `"e":"AQAA"`})
	one("e is 2^64 + 65537, of which software keeps 65537", false, map[string]string{"e": `"e":"` + encode([]byte{1, 0, 0, 0, 0, 0, 1, 0, 1}) + `"`})
	one("e is 2^31 + 1", false, map[string]string{"e": `"e":"gAAAAQ"`})
	one("a private key", false, with(`"d":"AQAB"`))
	one("a certificate that is none, not looked at", true, with(`"x5c":["!"]`))
	add("no kid", nil, jwk(map[string]string{"kid": ""}))
	add("kid is empty", nil, jwk(map[string]string{"kid": `"kid":""`}))
	add("kid is a number", nil, jwk(map[string]string{"kid": `"kid":1`}))
	other := jwk(map[string]string{"n": `"n":"` + encode(rogue.N.Bytes()) + `"`})
	add("two keys of one kid", []string{id.kid}, access.jwk, id.jwk, other)
	add("one key twice", []string{id.kid}, access.jwk, id.jwk, access.jwk)
	add("three keys of one kid", nil, access.jwk, other, access.jwk)
	add("a kid that is also another kind of key's", []string{id.kid}, access.jwk, id.jwk, jwk(map[string]string{"kty": `"kty":"AKP"`}))
	add("a kid that is also an unreadable key's", []string{id.kid}, jwk(map[string]string{"n": `"n":1`}), access.jwk, id.jwk)
	add("not an object among the keys", []string{id.kid}, `"key"`, `null`, `[]`, `1`, id.jwk)
	add("no keys", nil)
	for name, set := range map[string]string{
		"keys is null": `{"keys":null}`, "keys is an object": `{"keys":{}}`, "no keys member": `{}`, "an array": "[" + id.jwk + "]",
		"a key alone": id.jwk, "null": `null`, "a string": `"keys"`,
	} {
		list = append(list, keySetVector{"a set that is wrong: " + name, json.RawMessage(set), nil})
	}
	slices.SortStableFunc(list[len(list)-7:], func(a, b keySetVector) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func TestOnlyVerificationKeysAreUsable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(vectorDir, "keysets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []keySetVector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		keys, err := tokens.ParseKeySet(v.Set)
		got := slices.Sorted(maps.Keys(keys))
		if !slices.Equal(got, v.Usable) || (err == nil) != (len(v.Usable) > 0) {
			t.Errorf("%s: usable are %q (%v), want %q", v.Name, got, err, v.Usable)
		}
	}
	t.Logf("%d key sets", len(file.Vectors))
}

// TestKeySetsThatAreNotJSON checks answers of a proxy.
func TestKeySetsThatAreNotJSON(t *testing.T) {
	for _, text := range []string{
		"", " ", "<html>", `{"keys":[` + accessKey().jwk, `{"keys":[` + accessKey().jwk + `]}}`, "\ufeff{}", "{\"keys\":[\xff]}",
		strings.Repeat("[", 100000),
	} {
		if keys, err := tokens.ParseKeySet([]byte(text)); err == nil {
			t.Errorf("%.20q has keys: %v", text, keys)
		}
	}
}

// FuzzKeySet looks for a key set that makes the JWK library panic. A fetch runs on its
// own goroutine, so a panic would end the program.
func FuzzKeySet(f *testing.F) {
	for _, v := range keySetVectors() {
		f.Add([]byte(v.Set))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := tokens.ParseKeySet(text)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys and %v", len(keys), err)
		}
		for kid, key := range keys {
			if kid == "" || fmt.Sprintf("%T", key) != "*rsa.PublicKey" {
				t.Errorf("%q is %T", kid, key)
			}
		}
	})
}
