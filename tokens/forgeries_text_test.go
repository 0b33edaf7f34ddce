package tokens_test

import (
	"fmt"
	"strings"

	"github.com/cognitogate/cognitogate/tokens"
)

// encodingForgeries has other encodings. RFC 7515 §2 and §7.1 allow one spelling of a
// token.
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

// jsonForgeries has invalid JSON that some parsers accept (RFC 8259, RFC 8725 §2.4).
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

// typeForgeries has known claims of the wrong type.
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

func headerText(s string) func(*draft) { return func(d *draft) { d.text[0] = s } }

func payloadText(s string) func(*draft) { return func(d *draft) { d.text[1] = s } }

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

// strayBits sets bits of the last character that encode nothing.
func strayBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(s)%4 == 0 {
		return s + "AB" // one more byte, and four stray bits of which one is set
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
