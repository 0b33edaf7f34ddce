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

// forgery is one thing that is wrong with a token.
type forgery struct {
	name   string
	reason tokens.Reason
	forge  func(d *draft)
}

// forgeries lists what an attacker tries, and what another pool's, another
// client's and another use's tokens look like.
func forgeries() (list []forgery) {
	for _, some := range [][]forgery{
		algorithmForgeries(), keyForgeries(), headerForgeries(), encodingForgeries(), jsonForgeries(),
		typeForgeries(), claimForgeries(),
	} {
		list = append(list, some...)
	}
	return list
}

func header(name string, members ...string) func(*draft) {
	return func(d *draft) { set(&d.header, name, members...) }
}

func claim(name string, members ...string) func(*draft) {
	return func(d *draft) { set(&d.claims, name, members...) }
}

// alg makes a token of that algorithm.
func alg(name string, sign func(input string) []byte) func(*draft) {
	return func(d *draft) {
		set(&d.header, "alg", fmt.Sprintf(`"alg":%q`, name))
		if sign != nil {
			d.sign = sign
		}
	}
}

// RFC 7518: every other algorithm, most of them signed as they should be.
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
	// CVE-2015-9235: the public key as the secret, in each form that a library
	// might hold it in.
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

// Keys: who signed, and which key the header asks for.
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
	// RFC 7515 §4.1.2-6: the header brings the key along.
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

// Header members that ask for something.
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

// Encodings: RFC 7515 §2 and §7.1 know one spelling of a token.
func encodingForgeries() []forgery {
	at := func(i int, edit func(string) string) func(*draft) {
		return func(d *draft) {
			d.join = func(p [3]string) string {
				p[i] = edit(p[i])
				return strings.Join(p[:], ".")
			}
		}
	}
	whole := func(edit func(string) string) func(*draft) {
		return func(d *draft) {
			d.join = func(p [3]string) string { return edit(strings.Join(p[:], ".")) }
		}
	}
	json := func(format string) func(*draft) {
		return func(d *draft) {
			d.join = func(p [3]string) string { return fmt.Sprintf(format, p[0], p[1], p[2]) }
		}
	}
	var list []forgery
	add := func(name string, forge func(*draft)) {
		list = append(list, forgery{name, tokens.Malformed, forge})
	}
	for i, part := range []string{"header", "payload", "signature"} {
		add("padding after the "+part, at(i, func(s string) string { return s + "==" }))
		add("newline within the "+part, at(i, func(s string) string { return s[:8] + "\n" + s[8:] }))
		add("carriage return within the "+part, at(i, func(s string) string { return s[:8] + "\r" + s[8:] }))
		add("space within the "+part, at(i, func(s string) string { return s[:8] + " " + s[8:] }))
		add("stray bits in the "+part, at(i, strayBits))
		add("one character too many in the "+part, at(i, func(s string) string { return s + strings.Repeat("A", (5-len(s)%4)%4) }))
		add("empty "+part, at(i, func(string) string { return "" }))
		add("NUL in the "+part, at(i, func(s string) string { return s[:8] + "\x00" + s[8:] }))
		add("not UTF-8 in the "+part, at(i, func(s string) string { return s[:8] + "\xff" + s[8:] }))
		add(part+" in standard base64", at(i, func(s string) string { return "+/" + s[2:] }))
		add(part+" percent-encoded", at(i, func(s string) string { return "%65" + s[1:] }))
	}
	add("no token at all", whole(func(string) string { return "" }))
	add("two dots", whole(func(string) string { return ".." }))
	add("one part", whole(func(s string) string { return strings.ReplaceAll(s, ".", "") }))
	add("two parts", whole(func(s string) string { return s[:strings.LastIndexByte(s, '.')] }))
	add("four parts", whole(func(s string) string { return s + ".AAAA" }))
	add("five parts, as in JWE", whole(func(s string) string { return s + ".AAAA.AAAA" }))
	add("a JWE with RSA-OAEP", whole(func(string) string {
		return encode([]byte(`{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`)) + ".a2V5.aXY.Y2lwaGVydGV4dA.dGFn"
	}))
	add("a dot before it", whole(func(s string) string { return "." + s }))
	add("a dot after it", whole(func(s string) string { return s + "." }))
	add("a space before it", whole(func(s string) string { return " " + s }))
	add("a newline after it", whole(func(s string) string { return s + "\n" }))
	add("a byte order mark before it", whole(func(s string) string { return "\ufeff" + s }))
	add("in quotes", whole(func(s string) string { return `"` + s + `"` }))
	add("with its scheme", whole(func(s string) string { return "Bearer " + s }))
	add("dots percent-encoded", whole(func(s string) string { return strings.ReplaceAll(s, ".", "%2E") }))
	add("fullwidth dots", whole(func(s string) string { return strings.ReplaceAll(s, ".", "．") }))
	add("encoded twice", whole(func(s string) string { return encode([]byte(s)) }))
	add("a byte longer than 16 KiB", whole(func(s string) string { return s + strings.Repeat("A", 16<<10+1-len(s)) }))
	add("flattened JSON serialisation", json(`{"protected":%q,"payload":%q,"signature":%q}`))
	add("general JSON serialisation", json(`{"signatures":[{"protected":%q}],"payload":%q,"s":%q}`))
	return list
}

// JSON that some parser or other takes (RFC 8259, RFC 8725 §2.4).
func jsonForgeries() []forgery {
	list := []forgery{
		{"payload is an array", tokens.Malformed, payloadText(`[]`)},
		{"payload is an array of claims", tokens.Malformed, payloadText(`[{"sub":"a"}]`)},
		{"payload is a string", tokens.Malformed, payloadText(`"sub"`)},
		{"payload is a number", tokens.Malformed, payloadText(`1`)},
		{"payload is null", tokens.Malformed, payloadText(`null`)},
		{"payload is true", tokens.Malformed, payloadText(`true`)},
		{"payload is an empty object", tokens.Malformed, payloadText(`{}`)},
		{"payload is white space", tokens.Malformed, payloadText(" ")},
		{"payload is deflated", tokens.Malformed, payloadText("\x4b\x2c\x4f\xcd\x03\x00")},
		{"payload nests 17 deep", tokens.Malformed, claim("x", `"x":`+nest(16))},
		{"payload nests 10 000 deep", tokens.Malformed, payloadText(strings.Repeat("[", 10000))},
		{"payload is not UTF-8", tokens.Malformed, claim("x", "\"x\":\"\xff\"")},
		{"payload has an overlong UTF-8 quote", tokens.Malformed, claim("x", "\"x\":\"\xc0\xa2\"")},
		{"payload has a raw control character", tokens.Malformed, claim("x", "\"x\":\"\x01\"")},
		{"payload has an unknown escape", tokens.Malformed, claim("x", `"x":"\x41"`)},
		{"payload has half an escape", tokens.Malformed, claim("x", `"x":"\u00g1"`)},
		{"payload has single quotes", tokens.Malformed, claim("x", `'x':1`)},
		{"payload has a bare name", tokens.Malformed, claim("x", `x:1`)},
		{"payload has no colon", tokens.Malformed, claim("x", `"x" 1`)},
		{"payload has no value", tokens.Malformed, claim("x", `"x":`)},
	}
	for name, wrap := range map[string]func(string) string{
		"a byte order mark":   func(s string) string { return "\ufeff" + s },
		"trailing data":       func(s string) string { return s + "{}" },
		"a trailing NUL":      func(s string) string { return s + "\x00" },
		"a trailing comma":    func(s string) string { return s[:len(s)-1] + ",}" },
		"a leading comma":     func(s string) string { return "{," + s[1:] },
		"a comment":           func(s string) string { return "{/**/" + s[1:] },
		"no closing brace":    func(s string) string { return s[:len(s)-1] },
		"a form feed":         func(s string) string { return "{\f" + s[1:] },
		"a no-break space":    func(s string) string { return "{\u00a0" + s[1:] },
		"UTF-16":              utf16,
		"a comma too few":     func(s string) string { return strings.Replace(s, ",", " ", 1) },
		"an array around it":  func(s string) string { return "[" + s + "]" },
		"a string around it":  func(s string) string { return fmt.Sprintf("%q", s) },
		"two objects in line": func(s string) string { return s + "\n" + s },
	} {
		list = append(list,
			forgery{"payload with " + name, tokens.Malformed, func(d *draft) { d.text[1] = wrap("{" + strings.Join(d.claims, ",") + "}") }},
			forgery{"header with " + name, tokens.Malformed, func(d *draft) { d.text[0] = wrap("{" + strings.Join(d.header, ",") + "}") }})
	}
	return list
}

// Known members of the wrong type.
func typeForgeries() (list []forgery) {
	add := func(name string, values ...string) {
		for _, value := range values {
			list = append(list, forgery{name + " is " + value, tokens.Malformed, claim(name, `"`+name+`":`+value)})
		}
	}
	for _, name := range []string{"sub", "iss", "token_use", "client_id", "username", "cognito:username", "scope", "origin_jti"} {
		add(name, `1`, `null`, `["a"]`, `{}`, `false`)
	}
	add("aud", `1`, `null`, `{}`, `true`)
	add("cognito:groups", `"admins"`, `null`, `{}`, `[1]`, `["admins",null]`, `[["admins"]]`, `true`)
	for _, name := range []string{"exp", "nbf", "iat", "auth_time"} {
		add(name, `"1790003600"`, `null`, `[1790003600]`, `{}`, `true`, `-1`, `-0.5`, `1e400`, `253402300800`, `9223372036854775808`)
	}
	add("exp", `NaN`, `Infinity`, `-Infinity`, `nan`, `0x7fffffff`, `01790003600`, `+1790003600`, `1790003600.`, `.5`, `1_790_003_600`, `1790003600n`, `1e`, `--1`)
	return list
}

// Claims that say something else.
func claimForgeries() []forgery {
	list := []forgery{
		{"sub comes twice", tokens.Malformed, claim("sub", `"sub":"mallory"`, `"sub":"ada"`)},
		{"sub comes twice by an escape", tokens.Malformed, claim("sub", `"sub":"mallory"`, `"\u0073ub":"ada"`)},
		{"exp comes twice", tokens.Malformed, claim("exp", `"exp":1790003600`, `"exp":1790003600`)},
		{"groups come twice", tokens.Malformed, claim("cognito:groups", `"cognito:groups":["users"]`, `"cognito:groups":["admins"]`)},
		{"groups come twice by an escape", tokens.Malformed, claim("cognito:groups", `"cognito:groups":["users"]`, `"cognito\u003agroups":["admins"]`)},
		{"an unknown claim comes twice", tokens.Malformed, claim("x", `"x":1`, `"x":2`)},
		{"an unknown claim comes twice among many", tokens.Malformed, claim("x", `"x":1`, many(100), `"x":2`)},
		{"no sub", tokens.Malformed, claim("sub")},
		{"sub is empty", tokens.Malformed, claim("sub", `"sub":""`)},
		{"only Sub, not sub", tokens.Malformed, claim("sub", `"Sub":"ada"`)},
		{"no iss", tokens.BadIssuer, claim("iss")},
		{"only ISS, not iss", tokens.BadIssuer, claim("iss", `"ISS":"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01"`)},
		{"no token_use", tokens.BadUse, func(d *draft) {
			set(&d.claims, "token_use")
			set(&d.claims, "client_id", `"client_id":"1goldenweb2345678901234567"`)
		}},
		{"token_use is empty", tokens.BadUse, func(d *draft) {
			set(&d.claims, "token_use", `"token_use":""`)
			set(&d.claims, "client_id", `"client_id":"1goldenweb2345678901234567"`)
		}},
		{"token_use is refresh", tokens.BadUse, func(d *draft) {
			set(&d.claims, "token_use", `"token_use":"refresh"`)
			set(&d.claims, "client_id", `"client_id":"1goldenweb2345678901234567"`)
		}},
		{"token_use in other case", tokens.BadUse, func(d *draft) {
			set(&d.claims, "token_use", fmt.Sprintf(`"token_use":%q`, strings.ToUpper(string(d.use))))
			set(&d.claims, "client_id", `"client_id":"1goldenweb2345678901234567"`)
		}},
		{"the other use", tokens.BadUse, func(d *draft) {
			other := newDraft(map[tokens.Use]tokens.Use{tokens.Access: tokens.ID, tokens.ID: tokens.Access}[d.use], goldenNow)
			set(&other.claims, "exp", d.claims[len(d.claims)-1])
			other.use = d.use
			*d = *other
		}},
		{"nbf in two minutes", tokens.NotYetValid, claim("nbf", fmt.Sprintf(`"nbf":%d`, goldenNow.Unix()+120))},
		{"nbf a second past the leeway", tokens.NotYetValid, claim("nbf", fmt.Sprintf(`"nbf":%d`, goldenNow.Unix()+61))},
		{"nbf in the year 9999", tokens.NotYetValid, claim("nbf", `"nbf":253402300799`)},
	}
	for name, iss := range map[string]string{
		"another pool":            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Evil00001",
		"another region":          "https://cognito-idp.eu-west-1.amazonaws.com/us-east-1_GoldenA01",
		"the pool and a slash":    "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01/",
		"the pool and a path":     "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01/evil",
		"the pool and a query":    "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01?",
		"the pool and a fragment": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01#",
		"the pool by http":        "http://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01",
		"the pool with a port":    "https://cognito-idp.us-east-1.amazonaws.com:443/us-east-1_GoldenA01",
		"the pool with userinfo":  "https://cognito-idp.us-east-1.amazonaws.com@evil.example/us-east-1_GoldenA01",
		"the pool by a dot":       "https://cognito-idp.us-east-1.amazonaws.com./us-east-1_GoldenA01",
		"the pool in upper case":  "HTTPS://COGNITO-IDP.US-EAST-1.AMAZONAWS.COM/us-east-1_GoldenA01",
		"the pool's id in lower":  "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_goldena01",
		"the pool and a space":    "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01 ",
		"the pool percent-coded":  "https://cognito-idp.us-east-1.amazonaws.com/us-east-1%5FGoldenA01",
		"an evil host":            "https://evil.example/us-east-1_GoldenA01",
		"an evil host's suffix":   "https://cognito-idp.us-east-1.amazonaws.com.evil.example/us-east-1_GoldenA01",
		"the FIPS endpoint":       "https://cognito-idp-fips.us-east-1.amazonaws.com/us-east-1_GoldenA01",
		"the pool's id alone":     "us-east-1_GoldenA01",
		"another pool, updated":   "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_Evil00001",
		"China's suffix":          "https://cognito-idp.us-east-1.amazonaws.com.cn/us-east-1_GoldenA01",
		"nobody":                  "",
	} {
		list = append(list, forgery{"issued by " + name, tokens.BadIssuer, claim("iss", fmt.Sprintf(`"iss":%q`, iss))})
	}
	for name, value := range map[string]string{
		"another client":          `"2otherclient34567890123456"`,
		"the client in upper":     `"1GOLDENWEB2345678901234567"`,
		"the client and a space":  `"1goldenweb2345678901234567 "`,
		"a longer client":         `"1goldenweb23456789012345678"`,
		"a part of the client":    `"1goldenweb"`,
		"the client and a NUL":    `"1goldenweb2345678901234567\u0000"`,
		"the client and an evil":  `"1goldenweb2345678901234567,evil"`,
		"nobody":                  `""`,
		"the client in a list":    `["1goldenweb2345678901234567"]`,
		"the client among others": `["evil","1goldenweb2345678901234567"]`,
		"an empty list":           `[]`,
	} {
		list = append(list, forgery{"issued to " + name, tokens.BadClient, func(d *draft) {
			if d.use == tokens.ID {
				set(&d.claims, "aud", `"aud":`+value)
				return
			}
			if value[0] == '[' { // which client_id never is: an aud in its place
				set(&d.claims, "client_id")
				set(&d.claims, "aud", `"aud":`+value)
				return
			}
			set(&d.claims, "client_id", `"client_id":`+value)
		}})
	}
	return append(list, forgery{"issued to no client", tokens.BadClient, func(d *draft) {
		set(&d.claims, "aud")
		set(&d.claims, "client_id")
	}}, forgery{"issued to the client of the other use", tokens.BadClient, func(d *draft) {
		for i, c := range d.claims {
			if value, ok := strings.CutPrefix(c, `"aud":`); ok {
				d.claims[i] = `"client_id":` + value
			} else if value, ok := strings.CutPrefix(c, `"client_id":`); ok {
				d.claims[i] = `"aud":` + value
			}
		}
	}})
}

func headerText(s string) func(*draft)  { return func(d *draft) { d.text[0] = s } }
func payloadText(s string) func(*draft) { return func(d *draft) { d.text[1] = s } }

func signature(edit func([]byte) []byte) func(*draft) {
	return func(d *draft) {
		sign := d.sign
		d.sign = func(input string) []byte { return edit(sign(input)) }
	}
}

// nest returns n arrays within each other.
func nest(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// many returns n members.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// strayBits sets bits of the last character that encode nothing, or adds a
// character that has no others.
func strayBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(s)%4 == 0 {
		return s + "AB" // one byte and four stray bits, of which one is set
	}
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last|1])
}

func utf16(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteByte(0)
		b.WriteByte(c)
	}
	return b.String()
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
