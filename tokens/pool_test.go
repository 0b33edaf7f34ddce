package tokens_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

func TestValidateReportsAllFaultsByField(t *testing.T) {
	err := tokens.UserPool{
		ID:       "eu-west-1",
		ClientID: "a b",
		Domain:   "https://auth.example.com/",
		Endpoint: "cognito.example",
		Issuer:   "https://issuer.example?x",
		Issuers:  []string{"https://fine.example", "ftp://issuer.example", ""},
	}.Validate()
	if err == nil {
		t.Fatal("no fault found")
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
		t.Errorf("the zero pool: %v", err)
	}
}

func TestValidate(t *testing.T) {
	good := tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"}
	with := func(edit func(*tokens.UserPool)) tokens.UserPool {
		p := good
		edit(&p)
		return p
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
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, p := range []tokens.UserPool{
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

// TestPartitions checks the names of AWS's partitions, in tokens and in the
// requests that go out.
func TestPartitions(t *testing.T) {
	for _, tt := range []struct {
		id, endpoint string
		host         string // of the issuer
		api          string // what is called
	}{
		{"eu-west-1_AbC", "", "cognito-idp.eu-west-1.amazonaws.com", "https://cognito-idp.eu-west-1.amazonaws.com/"},
		{"us-gov-west-1_AbC", "", "cognito-idp.us-gov-west-1.amazonaws.com", "https://cognito-idp.us-gov-west-1.amazonaws.com/"},
		{"cn-north-1_AbC", "", "cognito-idp.cn-north-1.amazonaws.com.cn", "https://cognito-idp.cn-north-1.amazonaws.com.cn/"},
		{"cn-northwest-1_AbC", "", "cognito-idp.cn-northwest-1.amazonaws.com.cn", "https://cognito-idp.cn-northwest-1.amazonaws.com.cn/"},
		{"eusc-de-east-1_AbC", "", "cognito-idp.eusc-de-east-1.amazonaws.eu", "https://cognito-idp.eusc-de-east-1.amazonaws.eu/"},
		{"us-iso-east-1_AbC", "", "cognito-idp.us-iso-east-1.c2s.ic.gov", "https://cognito-idp.us-iso-east-1.c2s.ic.gov/"},
		{"xx-future-1_AbC", "", "cognito-idp.xx-future-1.amazonaws.com", "https://cognito-idp.xx-future-1.amazonaws.com/"},
		// FIPS and VPC endpoints change where the API is called, and nothing else.
		{"us-east-1_AbC", "https://cognito-idp-fips.us-east-1.amazonaws.com", "cognito-idp.us-east-1.amazonaws.com",
			"https://cognito-idp-fips.us-east-1.amazonaws.com/"},
		{"us-gov-west-1_AbC", "https://cognito-idp-fips.us-gov-west-1.amazonaws.com", "cognito-idp.us-gov-west-1.amazonaws.com",
			"https://cognito-idp-fips.us-gov-west-1.amazonaws.com/"},
		{"eu-west-1_AbC", "https://vpce-0a1b.cognito-idp.eu-west-1.vpce.amazonaws.com", "cognito-idp.eu-west-1.amazonaws.com",
			"https://vpce-0a1b.cognito-idp.eu-west-1.vpce.amazonaws.com/"},
		{"eu-west-1_AbC", "http://127.0.0.1:9229/base", "cognito-idp.eu-west-1.amazonaws.com", "http://127.0.0.1:9229/base"},
	} {
		pool := tokens.UserPool{ID: tt.id, ClientID: "1abc", Endpoint: tt.endpoint}
		issuer := "https://" + tt.host + "/" + tt.id
		updated := "https://issuer-" + tt.host + "/" + tt.id
		if err := pool.Validate(); err != nil {
			t.Errorf("%s: %v", tt.id, err)
		}
		if region, _, _ := strings.Cut(tt.id, "_"); pool.Region() != region || pool.IssuerURL() != issuer ||
			!slices.Equal(pool.IssuerURLs(), []string{issuer, updated}) || pool.KeySetURL() != issuer+"/.well-known/jwks.json" {
			t.Errorf("%s: %s, %s, %s", tt.id, pool.Region(), pool.IssuerURLs(), pool.KeySetURL())
		}
		rec := &recorder{answer: "{}"}
		opts := &tokens.Options{HTTPClient: rec.client()}
		c, err := tokens.NewClient(pool, opts)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := tokens.NewRemoteKeySet(pool, opts)
		if err != nil {
			t.Fatal(err)
		}
		c.GlobalSignOut(context.Background(), "a")
		for _, issuer := range pool.IssuerURLs() {
			keys.Key(context.Background(), issuer, "kid")
		}
		var urls []string
		for _, r := range rec.requests {
			urls = append(urls, r.URL.String())
		}
		if want := []string{tt.api, pool.KeySetURL(), updated + "/.well-known/jwks.json"}; !slices.Equal(urls, want) {
			t.Errorf("%s: requests go to %q, want %q", tt.id, urls, want)
		}
	}
}

func TestIssuersOfEmulatorsAndReplicas(t *testing.T) {
	pool := tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc", Issuer: "http://localhost:9229/eu-west-1_AbC/"}
	if got := pool.IssuerURLs(); !slices.Equal(got, []string{pool.Issuer}) {
		t.Errorf("with an issuer of its own the pool accepts %q", got)
	}
	if got := pool.KeySetURL(); got != "http://localhost:9229/eu-west-1_AbC/.well-known/jwks.json" {
		t.Errorf("the key set is at %s", got)
	}
	pool = tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc"}
	own := pool.IssuerURLs()
	pool.Issuers = []string{"https://replica.example/p", own[1], "https://replica.example/p"}
	if got := pool.IssuerURLs(); !slices.Equal(got, append(own, "https://replica.example/p")) {
		t.Errorf("with replicas the pool accepts %q", got)
	}
}

// TestSurroundingsAreFields checks that the environment of the process, which the
// SDK is known to read, changes nothing.
func TestSurroundingsAreFields(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "xx-evil-1", "AWS_DEFAULT_REGION": "xx-evil-1", "AWS_ENDPOINT_URL": "https://evil.example",
		"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": "https://evil.example", "AWS_USE_FIPS_ENDPOINT": "true",
		"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_ACCESS_KEY_ID": "AKIAEVIL", "AWS_SECRET_ACCESS_KEY": "evil",
		"AWS_MAX_ATTEMPTS": "9", "AWS_RETRY_MODE": "adaptive",
	} {
		t.Setenv(name, value)
	}
	rec := &recorder{answer: "{"}
	c, err := tokens.NewClient(tokens.UserPool{ID: "eu-west-1_AbC", ClientID: "1abc"}, &tokens.Options{HTTPClient: rec.client()})
	if err != nil {
		t.Fatal(err)
	}
	c.Refresh(context.Background(), "r", nil)
	if len(rec.requests) != 1 || rec.requests[0].URL.String() != "https://cognito-idp.eu-west-1.amazonaws.com/" || rec.requests[0].Header.Get("Authorization") != "" {
		t.Errorf("%d requests, the last to %v", len(rec.requests), rec.requests)
	}
}

// TestOptionsAreCopied checks that what a caller does with its Options later has no
// effect, and that defaults are not written to them.
func TestOptionsAreCopied(t *testing.T) {
	opts := new(tokens.Options)
	if _, err := tokens.NewVerifier(goldenPool, opts); err != nil {
		t.Fatal(err)
	}
	if opts.HTTPClient != nil || opts.Now != nil || opts.Keys != nil || opts.Leeway != 0 {
		t.Errorf("the caller's options are now %+v", opts)
	}
	rec := &recorder{answer: "{}"}
	opts.HTTPClient = rec.client()
	v, err := tokens.NewVerifier(goldenPool, opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.HTTPClient = &http.Client{Transport: redirect{500, new([]string)}}
	v.Verify(context.Background(), newDraft(tokens.Access, time.Now().Add(time.Hour)).token(), tokens.Access)
	if len(rec.requests) != 1 {
		t.Errorf("%d requests through the client that was given", len(rec.requests))
	}
}
