package tokens_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"hash"
	"math/big"
	"strings"

	"github.com/cognitogate/cognitogate/tokens"
)

// forgery makes a token with one fault.
type forgery struct {
	name   string
	reason tokens.Reason
	forge  func(d *draft)
}

// forgeries lists attacks, and tokens of other user pools, app clients and uses.
func forgeries() (list []forgery) {
	for _, part := range [][]forgery{
		algorithmForgeries(), keyForgeries(), headerForgeries(), encodingForgeries(), jsonForgeries(),
		typeForgeries(), claimForgeries(),
	} {
		list = append(list, part...)
	}
	return list
}

func header(name string, members ...string) func(*draft) {
	return func(d *draft) { set(&d.header, name, members...) }
}

func claim(name string, members ...string) func(*draft) {
	return func(d *draft) { set(&d.claims, name, members...) }
}

// alg makes a token of that algorithm. A nil sign keeps the signature's algorithm.
func alg(name string, sign func(input string) []byte) func(*draft) {
	return func(d *draft) {
		set(&d.header, "alg", fmt.Sprintf(`"alg":%q`, name))
		if sign != nil {
			d.sign = sign
		}
	}
}

// algorithmForgeries has every other algorithm of RFC 7518, most with a valid signature.
func algorithmForgeries() []forgery {
	list := []forgery{
		{"alg none without a signature", tokens.Malformed, alg("none", func(string) []byte { return nil })},
		{"alg none with a signature", tokens.BadAlgorithm, alg("none", nil)},
		{"alg None", tokens.BadAlgorithm, alg("None", nil)},
		{"alg nOnE", tokens.BadAlgorithm, alg("nOnE", nil)},
		{"no alg", tokens.BadAlgorithm, header("alg")},
		{"alg is empty", tokens.BadAlgorithm, alg("", nil)},
		{"alg is null", tokens.Malformed, header("alg", `"alg":null`)},
		{"alg is a number", tokens.Malformed, header("alg", `"alg":256`)},
		{"alg is an array", tokens.Malformed, header("alg", `"alg":["RS256"]`)},
		{"alg rs256", tokens.BadAlgorithm, alg("rs256", nil)},
		{"alg RS256 and a space", tokens.BadAlgorithm, alg("RS256 ", nil)},
		{"alg RS256 and a NUL", tokens.BadAlgorithm, header("alg", `"alg":"RS256\u0000"`)},
		{"only Alg, not alg", tokens.BadAlgorithm, header("alg", `"Alg":"RS256"`)},
		{"RS384 by the right key", tokens.BadAlgorithm, alg("RS384", pkcs1(crypto.SHA384))},
		{"RS512 by the right key", tokens.BadAlgorithm, alg("RS512", pkcs1(crypto.SHA512))},
		{"RS512 that says RS256", tokens.BadSignature, alg("RS256", pkcs1(crypto.SHA512))},
		{"PS256 by the right key", tokens.BadAlgorithm, alg("PS256", pss(crypto.SHA256))},
		{"PS384 by the right key", tokens.BadAlgorithm, alg("PS384", pss(crypto.SHA384))},
		{"PS512 by the right key", tokens.BadAlgorithm, alg("PS512", pss(crypto.SHA512))},
		{"PS256 that says RS256", tokens.BadSignature, alg("RS256", pss(crypto.SHA256))},
		{"ES256", tokens.BadAlgorithm, alg("ES256", es256)},
		{"ES256 that says RS256", tokens.BadSignature, alg("RS256", es256)},
		{"ES256K", tokens.BadAlgorithm, alg("ES256K", es256)},
		{"EdDSA", tokens.BadAlgorithm, alg("EdDSA", eddsa)},
		{"alg RSA-OAEP in three parts", tokens.BadAlgorithm, alg("RSA-OAEP", nil)},
		{"alg dir", tokens.BadAlgorithm, alg("dir", nil)},
		{"alg A256GCM", tokens.BadAlgorithm, alg("A256GCM", nil)},
	}
	// CVE-2015-9235: the public key as the secret, in each form that a library may use.
	key := &accessKey().PublicKey
	pkix, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	pkixPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})
	pkcs1DER := x509.MarshalPKCS1PublicKey(key)
	for _, secret := range []struct {
		name  string
		bytes []byte
	}{
		{"PKIX PEM", pkixPEM},
		{"PKIX PEM without its last newline", bytes.TrimSpace(pkixPEM)},
		{"PKIX DER", pkix},
		{"PKCS #1 PEM", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1DER})},
		{"PKCS #1 DER", pkcs1DER},
		{"modulus", key.N.Bytes()},
		{"modulus in base64url", []byte(encode(key.N.Bytes()))},
		{"JWK", []byte(accessKey().jwk)},
		{"no bytes at all", nil},
	} {
		list = append(list,
			forgery{"HS256 with the public key as secret: " + secret.name, tokens.BadAlgorithm, alg("HS256", hmacBy(sha256.New, secret.bytes))},
			forgery{"HS256 that says RS256: " + secret.name, tokens.BadSignature, alg("RS256", hmacBy(sha256.New, secret.bytes))})
	}
	return append(list,
		forgery{"HS384", tokens.BadAlgorithm, alg("HS384", hmacBy(sha512.New384, pkixPEM))},
		forgery{"HS512", tokens.BadAlgorithm, alg("HS512", hmacBy(sha512.New, pkixPEM))})
}

// keyForgeries has wrong signatures, and headers that select another key.
func keyForgeries() []forgery {
	byRogue := func(d *draft) { d.sign = rs256(rogueKey()) }
	both := func(edits ...func(*draft)) func(*draft) {
		return func(d *draft) {
			for _, edit := range edits {
				edit(d)
			}
		}
	}
	rogue := rogueKey()
	// RFC 7515 §4.1.2-6: the header contains or names the key.
	jwk := header("jwk", `"jwk":`+rogue.jwk)
	jku := header("jku", `"jku":"https://evil.example/jwks.json"`)
	x5u := header("x5u", `"x5u":"https://evil.example/cert.pem"`)
	x5c := header("x5c", fmt.Sprintf(`"x5c":[%q]`, base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&rogue.PublicKey))))
	return []forgery{
		{"signed by another key", tokens.BadSignature, byRogue},
		{"signed by another key of the pool", tokens.BadSignature, func(d *draft) {
			d.sign = rs256(map[tokens.Use]goldenKey{tokens.Access: idKey(), tokens.ID: accessKey()}[d.use])
		}},
		{"signed by another key that the header names", tokens.UnknownKey, both(byRogue, header("kid", fmt.Sprintf(`"kid":%q`, rogue.kid)))},
		{"jwk in the header", tokens.BadSignature, both(byRogue, jwk)},
		{"jwk in the header and its kid", tokens.UnknownKey, both(byRogue, jwk, header("kid", fmt.Sprintf(`"kid":%q`, rogue.kid)))},
		{"jwk in the header and no kid", tokens.UnknownKey, both(byRogue, jwk, header("kid"))},
		{"jku in the header", tokens.BadSignature, both(byRogue, jku)},
		{"jku in the header and no kid", tokens.UnknownKey, both(byRogue, jku, header("kid"))},
		{"x5u in the header", tokens.BadSignature, both(byRogue, x5u)},
		{"x5c in the header", tokens.BadSignature, both(byRogue, x5c)},
		{"x5c in the header and no kid", tokens.UnknownKey, both(byRogue, x5c, header("kid"))},
		{"no kid", tokens.UnknownKey, header("kid")},
		{"kid is empty", tokens.UnknownKey, header("kid", `"kid":""`)},
		{"kid is a number", tokens.Malformed, header("kid", `"kid":1`)},
		{"kid is null", tokens.Malformed, header("kid", `"kid":null`)},
		{"kid is an object", tokens.Malformed, header("kid", `"kid":{}`)},
		{"kid is an array", tokens.Malformed, header("kid", `"kid":["golden-a-access-1="]`)},
		{"kid is a path", tokens.UnknownKey, header("kid", `"kid":"../../../../dev/null"`)},
		{"kid is an injection", tokens.UnknownKey, header("kid", `"kid":"x' UNION SELECT 'key"`)},
		{"kid breaks a line of the log", tokens.UnknownKey, header("kid", `"kid":"x\r\nlevel=INFO msg=forged"`)},
		{"kid is very long", tokens.UnknownKey, header("kid", `"kid":"`+strings.Repeat("k", 8000)+`"`)},
		{"kid in other case", tokens.UnknownKey, header("kid", `"kid":"GOLDEN-A-ACCESS-1="`)},
		{"kid and a space", tokens.UnknownKey, header("kid", `"kid":"golden-a-access-1= "`)},
		{"only Kid, not kid", tokens.UnknownKey, header("kid", `"Kid":"golden-a-access-1="`)},
		{"signature of zeros", tokens.BadSignature, func(d *draft) { d.sign = func(string) []byte { return make([]byte, 256) } }},
		{"signature of one byte", tokens.BadSignature, func(d *draft) { d.sign = func(string) []byte { return []byte{1} } }},
		{"signature cut short", tokens.BadSignature, signature(func(s []byte) []byte { return s[:255] })},
		{"signature with a byte more", tokens.BadSignature, signature(func(s []byte) []byte { return append(s, 0) })},
		{"signature with a zero before it", tokens.BadSignature, signature(func(s []byte) []byte { return append([]byte{0}, s...) })},
		{"signature with one bit flipped", tokens.BadSignature, signature(func(s []byte) []byte { s[100] ^= 4; return s })},
		{"signature plus the modulus", tokens.BadSignature, func(d *draft) {
			key, sign := accessKey(), d.sign
			if d.use == tokens.ID {
				key = idKey()
			}
			d.sign = func(input string) []byte { return new(big.Int).Add(new(big.Int).SetBytes(sign(input)), key.N).Bytes() }
		}},
		{"claims changed after they were signed", tokens.BadSignature, func(d *draft) {
			d.join = func(p [3]string) string {
				return p[0] + "." + encode([]byte("{"+strings.Join(d.claims, ",")+`,"cognito:groups":["admins"]}`)) + "." + p[2]
			}
		}},
		{"header changed after it was signed", tokens.BadSignature, func(d *draft) {
			d.join = func(p [3]string) string {
				return encode([]byte("{"+strings.Join(d.header, ",")+`,"typ":"JWT"}`)) + "." + p[1] + "." + p[2]
			}
		}},
	}
}

// headerForgeries has headers that demand an extension or are ambiguous.
func headerForgeries() []forgery {
	return []forgery{
		{"crit with exp", tokens.BadAlgorithm, header("crit", `"crit":["exp"]`)},
		{"crit with b64", tokens.BadAlgorithm, header("crit", `"crit":["b64"]`, `"b64":false`)},
		{"crit is empty", tokens.BadAlgorithm, header("crit", `"crit":[]`)},
		{"crit is null", tokens.BadAlgorithm, header("crit", `"crit":null`)},
		{"crit in escapes", tokens.BadAlgorithm, header("crit", `"\u0063rit":["exp"]`)},
		{"b64 is false", tokens.BadAlgorithm, header("b64", `"b64":false`)},
		{"b64 is true", tokens.BadAlgorithm, header("b64", `"b64":true`)},
		{"alg comes twice", tokens.Malformed, header("alg", `"alg":"none"`, `"alg":"RS256"`)},
		{"alg comes twice the same", tokens.Malformed, header("alg", `"alg":"RS256"`, `"alg":"RS256"`)},
		{"alg comes twice by an escape", tokens.Malformed, header("alg", `"alg":"RS256"`, `"\u0061lg":"none"`)},
		{"kid comes twice", tokens.Malformed, header("kid", `"kid":"golden-a-access-1="`, `"kid":"golden-rogue-9="`)},
		{"an unknown member comes twice", tokens.Malformed, header("x", `"x":1`, `"x":1`)},
		{"header is an array", tokens.Malformed, headerText(`["RS256"]`)},
		{"header is a string", tokens.Malformed, headerText(`"RS256"`)},
		{"header is null", tokens.Malformed, headerText(`null`)},
		{"header is an empty object", tokens.BadAlgorithm, headerText(`{}`)},
		{"header nests 17 deep", tokens.Malformed, header("x", `"x":`+nest(16))},
	}
}

func signature(edit func([]byte) []byte) func(*draft) {
	return func(d *draft) {
		sign := d.sign
		d.sign = func(input string) []byte { return edit(sign(input)) }
	}
}

func digest(h crypto.Hash, input string) []byte {
	d := h.New()
	d.Write([]byte(input))
	return d.Sum(nil)
}

func pkcs1(h crypto.Hash) func(string) []byte {
	return func(input string) []byte {
		return must(rsa.SignPKCS1v15(nil, accessKey().PrivateKey, h, digest(h, input)))
	}
}

func pss(h crypto.Hash) func(string) []byte {
	return func(input string) []byte {
		return must(rsa.SignPSS(bytes.NewReader(make([]byte, 64)), accessKey().PrivateKey, h, digest(h, input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
	}
}

func hmacBy(h func() hash.Hash, secret []byte) func(string) []byte {
	return func(input string) []byte {
		mac := hmac.New(h, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
}

func es256(input string) []byte {
	key := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32)))
	return must(key.Sign(nil, digest(crypto.SHA256, input), crypto.SHA256))
}

func eddsa(input string) []byte {
	return ed25519.Sign(ed25519.NewKeyFromSeed(make([]byte, 32)), []byte(input))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
