package tokens_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/tokens"
)

func TestValidateReportsAllMistakes(t *testing.T) {
	err := tokens.UserPool{
		ID:       "eu-west-1",
		ClientID: "a b",
		Domain:   "https://auth.example.com/",
		Endpoint: "cognito.example",
		Issuer:   "https://issuer.example?x",
		Issuers:  []string{"https://fine.example", "ftp://issuer.example", ""},
	}.Validate()
	if err == nil {
		t.Fatal("no mistake found")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, field := range []string{"ID:", "ClientID:", "Domain:", "Endpoint:", "Issuer:", "Issuers[1]:", "Issuers[2]:"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], field) {
			t.Errorf("line %d of %q is not about %s", i, lines, field)
		}
	}
	if len(lines) != 7 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	err = tokens.UserPool{}.Validate()
	if err == nil || !strings.HasPrefix(err.Error(), "ID: is required") || !strings.Contains(err.Error(), "\nClientID: is required") {
		t.Errorf("the zero UserPool: %v", err)
	}
}

func TestValidate(t *testing.T) {
	good := tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"}
	with := func(edit func(*tokens.UserPool)) tokens.UserPool {
		p := good
		edit(&p)
		return p
	}
	emulator := func(p *tokens.UserPool) {
		p.Endpoint, p.Issuer = "http://localhost:9229", "http://localhost:9229/local_2Xy0AbC"
	}
	for _, p := range []tokens.UserPool{
		good,
		with(func(p *tokens.UserPool) { p.ID = "us-gov-west-1_AbCdEf123" }),
		with(func(p *tokens.UserPool) { p.ID = "cn-north-1_AbCdEf123" }),
		with(func(p *tokens.UserPool) { p.ID = "eusc-de-east-1_AbCdEf123" }),
		with(func(p *tokens.UserPool) { p.ID = "us-isob-east-1_a" }),
		with(func(p *tokens.UserPool) { p.ClientID = "a+b_C" }),
		with(func(p *tokens.UserPool) { p.Domain = "auth.example.com" }),
		with(func(p *tokens.UserPool) { p.Domain = "localhost:9229" }),
		with(func(p *tokens.UserPool) { p.Domain = "[::1]:9229" }),
		with(func(p *tokens.UserPool) { p.Endpoint = "https://vpce-1.cognito-idp.eu-west-1.vpce.amazonaws.com" }),
		with(func(p *tokens.UserPool) { p.Endpoint = "http://127.0.0.1:9229/base" }),
		with(func(p *tokens.UserPool) { p.Issuer = "http://localhost:9229/eu-west-1_AbCdEf123" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "local_2Xy0AbC" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "us-east-1_a" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "My-Pool_1" }),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, p := range []tokens.UserPool{
		with(func(p *tokens.UserPool) { p.ID = "local_2Xy0AbC" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID, p.Endpoint = "local_2Xy0AbC", "" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID, p.Issuer = "local_2Xy0AbC", "" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "local" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "local_" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "_AbC" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "local_a/../b" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "local_a\n" }),
		with(func(p *tokens.UserPool) { emulator(p); p.ID = "lo cal_a" }),
		with(func(p *tokens.UserPool) { p.ID = "eu-west-1_" }),
		with(func(p *tokens.UserPool) { p.ID = "_AbCdEf123" }),
		with(func(p *tokens.UserPool) { p.ID = "eu-west-1_AbC/../x" }),
		with(func(p *tokens.UserPool) { p.ID = "eu-west-1_AbC\n" }),
		with(func(p *tokens.UserPool) { p.ID = "eu-west-1.evil.example/_AbC" }),
		with(func(p *tokens.UserPool) { p.ID = "EU-WEST-1_AbC" }),
		with(func(p *tokens.UserPool) { p.ID = " eu-west-1_AbC" }),
		with(func(p *tokens.UserPool) { p.ClientID = "" }),
		with(func(p *tokens.UserPool) { p.ClientID = "a.b" }),
		with(func(p *tokens.UserPool) { p.ClientID = strings.Repeat("a", 129) }),
		with(func(p *tokens.UserPool) { p.IdentityPoolID = "eu-west-1_AbC" }),
		with(func(p *tokens.UserPool) { p.Domain = "auth.example.com/path" }),
		with(func(p *tokens.UserPool) { p.Domain = "user@auth.example.com" }),
		with(func(p *tokens.UserPool) { p.Domain = "auth example" }),
		with(func(p *tokens.UserPool) { p.Domain = ":443" }),
		with(func(p *tokens.UserPool) { p.Endpoint = "//cognito.example" }),
		with(func(p *tokens.UserPool) { p.Endpoint = "https://user:pw@cognito.example" }),
		with(func(p *tokens.UserPool) { p.Endpoint = "https://cognito.example?" }),
		with(func(p *tokens.UserPool) { p.Endpoint = "https://cognito.example#x" }),
		with(func(p *tokens.UserPool) { p.Issuer = "issuer" }),
	} {
		if err := p.Validate(); err == nil {
			t.Errorf("%v is not refused", p)
		}
	}
}

// TestPartitions checks the hosts of AWS's partitions, in issuers and in requests.
func TestPartitions(t *testing.T) {
	for _, tt := range []struct {
		id, endpoint string
		host         string // of the issuer
		api          string // that is called
	}{
		{"eu-west-1_AbC", "", "cognito-idp.eu-west-1.amazonaws.com", "https://cognito-idp.eu-west-1.amazonaws.com/"},
		{"us-gov-west-1_AbC", "", "cognito-idp.us-gov-west-1.amazonaws.com", "https://cognito-idp.us-gov-west-1.amazonaws.com/"},
		{"cn-north-1_AbC", "", "cognito-idp.cn-north-1.amazonaws.com.cn", "https://cognito-idp.cn-north-1.amazonaws.com.cn/"},
		{"cn-northwest-1_AbC", "", "cognito-idp.cn-northwest-1.amazonaws.com.cn", "https://cognito-idp.cn-northwest-1.amazonaws.com.cn/"},
		{"eusc-de-east-1_AbC", "", "cognito-idp.eusc-de-east-1.amazonaws.eu", "https://cognito-idp.eusc-de-east-1.amazonaws.eu/"},
		{"us-iso-east-1_AbC", "", "cognito-idp.us-iso-east-1.c2s.ic.gov", "https://cognito-idp.us-iso-east-1.c2s.ic.gov/"},
		{"xx-future-1_AbC", "", "cognito-idp.xx-future-1.amazonaws.com", "https://cognito-idp.xx-future-1.amazonaws.com/"},
		// FIPS and VPC endpoints change the API's URL and nothing else.
		{"us-east-1_AbC", "https://cognito-idp-fips.us-east-1.amazonaws.com", "cognito-idp.us-east-1.amazonaws.com",
			"https://cognito-idp-fips.us-east-1.amazonaws.com/"},
		{"us-gov-west-1_AbC", "https://cognito-idp-fips.us-gov-west-1.amazonaws.com", "cognito-idp.us-gov-west-1.amazonaws.com",
			"https://cognito-idp-fips.us-gov-west-1.amazonaws.com/"},
		{"eu-west-1_AbC", "https://vpce-0a1b.cognito-idp.eu-west-1.vpce.amazonaws.com", "cognito-idp.eu-west-1.amazonaws.com",
			"https://vpce-0a1b.cognito-idp.eu-west-1.vpce.amazonaws.com/"},
		{"eu-west-1_AbC", "http://127.0.0.1:9229/base", "cognito-idp.eu-west-1.amazonaws.com", "http://127.0.0.1:9229/base"},
	} {
		userPool := tokens.UserPool{ID: tt.id, ClientID: "1abc", Endpoint: tt.endpoint}
		issuer := "https://" + tt.host + "/" + tt.id
		updated := "https://issuer-" + tt.host + "/" + tt.id
		if err := userPool.Validate(); err != nil {
			t.Errorf("%s: %v", tt.id, err)
		}
		if region, _, _ := strings.Cut(tt.id, "_"); userPool.Region() != region || userPool.IssuerURL() != issuer ||
			!slices.Equal(userPool.IssuerURLs(), []string{issuer, updated}) || userPool.KeySetURL() != issuer+"/.well-known/jwks.json" {
			t.Errorf("%s: %s, %s, %s", tt.id, userPool.Region(), userPool.IssuerURLs(), userPool.KeySetURL())
		}
		rec := &recorder{answer: "{}"}
		opts := &tokens.Options{HTTPClient: rec.client()}
		c, err := tokens.NewClient(userPool, opts)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := tokens.NewRemoteKeySet(userPool, opts)
		if err != nil {
			t.Fatal(err)
		}
		c.GlobalSignOut(context.Background(), "a")
		for _, issuer := range userPool.IssuerURLs() {
			keys.Key(context.Background(), issuer, "kid")
		}
		var urls []string
		for _, r := range rec.requests {
			urls = append(urls, r.URL.String())
		}
		if want := []string{tt.api, userPool.KeySetURL(), updated + "/.well-known/jwks.json"}; !slices.Equal(urls, want) {
			t.Errorf("%s: requests go to %q, want %q", tt.id, urls, want)
		}
	}
}

func TestIssuersOfEmulatorsAndReplicas(t *testing.T) {
	userPool := tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc", Issuer: "http://localhost:9229/eu-west-1_AbC/"}
	if got := userPool.IssuerURLs(); !slices.Equal(got, []string{userPool.Issuer}) {
		t.Errorf("with an issuer of its own the pool accepts %q", got)
	}
	if got := userPool.KeySetURL(); got != "http://localhost:9229/eu-west-1_AbC/.well-known/jwks.json" {
		t.Errorf("the key set is at %s", got)
	}
	userPool = tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc"}
	own := userPool.IssuerURLs()
	userPool.Issuers = []string{"https://replica.example/p", own[1], "https://replica.example/p"}
	if got := userPool.IssuerURLs(); !slices.Equal(got, append(own, "https://replica.example/p")) {
		t.Errorf("with replicas the pool accepts %q", got)
	}
}
