package tokens_test

import (
	"fmt"
	"strings"

	"github.com/cognitogate/cognitogate/tokens"
)

// claimForgeries has other claims than those of the user pool and app client.
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
			if value[0] == '[' { // a list cannot be a client_id, so it is an aud
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
