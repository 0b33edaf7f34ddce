package tokens

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// UserPool names an Amazon Cognito user pool and the app client that users sign in
// with. ID and ClientID are required; the other fields have defaults.
//
// A UserPool is a plain value: copy it, compare its fields, print it. It prints
// without ClientSecret.
type UserPool struct {
	// ID is the user pool's id, "eu-west-1_AbCdEf123". Its part before the underscore
	// is the region. With Endpoint and Issuer it may be an emulator's, like
	// "local_AbCdEf12".
	ID string

	// ClientID is the id of the app client. Tokens of another app client of the same
	// pool are refused.
	ClientID string

	// ClientSecret is the app client's secret, if it has one. Amplify in a browser
	// cannot use such a client.
	ClientSecret string

	// Domain is the host of the user pool's managed login (hosted UI), without scheme
	// and path: "auth.example.com" or "myapp.auth.eu-west-1.amazoncognito.com". Only
	// the sign-in routes need it.
	Domain string

	// IdentityPoolID is the id of the identity pool that exchanges tokens of this user
	// pool for AWS credentials. Only package identity needs it.
	IdentityPoolID string

	// Endpoint is an absolute URL that replaces the regional endpoint of the user pool
	// API, such as "https://cognito-idp.eu-west-1.amazonaws.com". It is for FIPS, VPC
	// endpoints and emulators. It changes neither the issuer nor the key set's URL. An
	// emulator without GetTokensFromRefreshToken is asked with InitiateAuth instead.
	Endpoint string

	// Issuer replaces the expected "iss" claim and the base of the key set's URL. It is
	// for emulators: with it, the issuers of AWS are not accepted.
	Issuer string

	// Issuers are accepted beside the user pool's original and updated issuer, for
	// example those of replica regions. Their key sets are at "/.well-known/jwks.json"
	// below them, and are fetched once a token names the issuer.
	Issuers []string
}

// userPoolID matches user pool ids. Cognito's API reference has [\w-]+_[0-9a-zA-Z]+,
// and every region consists of lower-case words and a number.
var userPoolID = regexp.MustCompile(`^[a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}_[0-9A-Za-z]+$`)

// emulatorPoolID matches the ids of emulators, which name no region of AWS.
var emulatorPoolID = regexp.MustCompile(`^[\w-]+_[0-9A-Za-z]+$`)

// identityPoolID matches identity pool ids: a region and, as Cognito's API reference has
// it, [0-9a-f-]+.
var identityPoolID = regexp.MustCompile(`^[a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}:[0-9a-f-]+$`)

// clientID matches app client ids, as Cognito's API reference has them. They become
// parts of cookie names, so they are checked.
var clientID = regexp.MustCompile(`^[0-9A-Za-z_+]{1,128}$`)

// Validate returns all mistakes in p, joined. Each is a [*ConfigError].
func (p UserPool) Validate() error {
	var configErrors []error
	add := func(field, format string, args ...any) {
		configErrors = append(configErrors, &ConfigError{field, fmt.Errorf(format, args...)})
	}
	if p.ID == "" {
		add("ID", `is required, like "eu-west-1_AbCdEf123"`)
	} else if !userPoolID.MatchString(p.ID) && !(p.Endpoint != "" && p.Issuer != "" && emulatorPoolID.MatchString(p.ID)) {
		add("ID", `%q is not a user pool id like "eu-west-1_AbCdEf123"`, p.ID)
	}
	if p.ClientID == "" {
		add("ClientID", "is required")
	} else if !clientID.MatchString(p.ClientID) {
		add("ClientID", "%q is not an app client id", p.ClientID)
	}
	if p.Domain != "" && !isHost(p.Domain) {
		add("Domain", `%q is not a host like "auth.example.com": no scheme, no path`, p.Domain)
	}
	if p.IdentityPoolID != "" && !identityPoolID.MatchString(p.IdentityPoolID) {
		add("IdentityPoolID", `%q is not an identity pool id like "eu-west-1:11111111-2222-4333-8444-555555555555"`, p.IdentityPoolID)
	}
	if p.Endpoint != "" && !isBaseURL(p.Endpoint) {
		add("Endpoint", "%q is not an absolute http(s) URL without query", p.Endpoint)
	}
	if p.Issuer != "" && !isBaseURL(p.Issuer) {
		add("Issuer", "%q is not an absolute http(s) URL without query", p.Issuer)
	}
	for i, issuer := range p.Issuers {
		if !isBaseURL(issuer) {
			add(fmt.Sprintf("Issuers[%d]", i), "%q is not an absolute http(s) URL without query", issuer)
		}
	}
	return errors.Join(configErrors...)
}

func isHost(s string) bool {
	u, err := url.Parse("https://" + s)
	return err == nil && u.Host == s && u.Hostname() != ""
}

func isBaseURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// Region is the AWS region of the user pool, the part of its id before the
// underscore.
func (p UserPool) Region() string {
	region, _, _ := strings.Cut(p.ID, "_")
	return region
}

// IssuerURL is the "iss" claim of the user pool's tokens:
// https://cognito-idp.<region>.<suffix>/<user pool id>, with the suffix of the
// region's partition (amazonaws.com, amazonaws.com.cn, …), or Issuer if set.
func (p UserPool) IssuerURL() string {
	if p.Issuer != "" {
		return p.Issuer
	}
	return "https://" + p.serviceHost() + "/" + p.ID
}

// KeySetURL is where the user pool publishes the keys of IssuerURL (RFC 7517).
func (p UserPool) KeySetURL() string {
	return keySetURL(p.IssuerURL())
}

func keySetURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/jwks.json"
}

// LoginURL is the base of the user pool's managed login (hosted UI): https and
// Domain. With an emulator's Issuer that has http, it has http too.
func (p UserPool) LoginURL() string {
	if strings.HasPrefix(p.Issuer, "http://") {
		return "http://" + p.Domain
	}
	return "https://" + p.Domain
}

// IssuerURLs lists every accepted "iss". The first is IssuerURL. Without Issuer, the
// second is the updated form that user pools may switch to since 2026
// (https://issuer-cognito-idp.…). Issuers follow.
func (p UserPool) IssuerURLs() []string {
	accepted := []string{p.IssuerURL()}
	if p.Issuer == "" {
		accepted = append(accepted, "https://issuer-"+p.serviceHost()+"/"+p.ID)
	}
	for _, issuer := range p.Issuers {
		if !slices.Contains(accepted, issuer) {
			accepted = append(accepted, issuer)
		}
	}
	return accepted
}

// serviceHost is the host of the region's user pool API. The SDK has the table of
// partitions and DNS suffixes.
func (p UserPool) serviceHost() string {
	endpoint, err := cip.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(),
		cip.EndpointParameters{Region: aws.String(p.Region())})
	if err != nil {
		return "cognito-idp." + p.Region() + ".amazonaws.com"
	}
	return endpoint.URI.Host
}

// String shows the user pool without its client secret.
func (p UserPool) String() string {
	type plain UserPool // without this method
	if p.ClientSecret != "" {
		p.ClientSecret = "[redacted]"
	}
	return fmt.Sprintf("%+v", plain(p))
}

// GoString keeps %#v from printing the client secret.
func (p UserPool) GoString() string { return "tokens.UserPool" + p.String() }

// LogValue keeps log/slog from printing the client secret.
func (p UserPool) LogValue() slog.Value { return slog.StringValue(p.String()) }
