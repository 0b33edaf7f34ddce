package middleware

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/configerr"
)

// Outputs holds the parts of an Amplify configuration file that this module reads.
type Outputs struct {
	UserPool   UserPool // with Domain and IdentityPoolID, if the file names them
	OAuth      OAuth
	AllowGuest bool // the identity pool gives credentials to guests
	Buckets    []Bucket
	Data       Data
	REST       []REST
}

// OAuth is the managed login's configuration in an Amplify file.
type OAuth struct {
	Scopes          []string
	RedirectSignIn  []string // URIs that Cognito may send users back to
	RedirectSignOut []string
	Providers       []string // as Amplify names them: "Google", "Apple"
}

// Bucket is an S3 bucket; the first one is the default.
type Bucket struct {
	Name   string // Amplify's friendly name; empty in files of generation 1
	Bucket string // S3's name
	Region string
}

// Data is the GraphQL API (AppSync). URL is empty if there is none.
type Data struct {
	URL, Region, APIKey string
	AuthMode            string // "apiKey", "iam", "userPool", "oidc", "lambda" or "none"
}

// REST is an API behind API Gateway. Files of generation 2 name none.
type REST struct {
	Name, Endpoint, Region, Service string
}

// maxOutputs bounds a configuration file; a data model makes them large.
const maxOutputs = 16 << 20

// ReadOutputs reads an Amplify configuration file: amplify_outputs.json of
// generation 2, or amplifyconfiguration.json of generation 1. It ignores members that
// it does not know. Its error has a [*ConfigError] for every faulty member, joined,
// each on a line that begins with the member's name.
func ReadOutputs(r io.Reader) (*Outputs, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxOutputs+1))
	if err != nil {
		return nil, fmt.Errorf("cognitogate: outputs: %w", err)
	}
	if len(text) > maxOutputs {
		return nil, errors.New("cognitogate: outputs: the file is too large")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("cognitogate: outputs: not a JSON object: %w", err)
	}
	f := &outputsFile{jsonObject: jsonObject{members: members, configErrors: new(configerr.List)}}
	gen1 := ""
	for name := range members {
		if strings.HasPrefix(name, "aws_") && (gen1 == "" || name < gen1) {
			gen1 = name
		}
	}
	_, gen2 := members["version"]
	switch {
	case gen1 != "" && gen2:
		f.configErrors.Add(gen1, `stands beside "version": the file is of both generations, or two files have been merged`)
	case gen1 != "":
		f.generation1()
	case gen2:
		f.generation2()
	default:
		f.configErrors.Add("version", `is missing, and there is no "aws_…" member: this is no amplify_outputs.json or amplifyconfiguration.json`)
	}
	if err := f.configErrors.Err(); err != nil {
		return nil, fmt.Errorf("cognitogate: the outputs are wrong:\n%w", err)
	}
	return &f.out, nil
}

// Login returns the Login for Config.Origin and Config.RoutesPath ("" is its
// default), with the file's scopes. Its LogoutURI is the sign-out callback if the file
// lists it, else the first listed URI of the origin.
//
// Login returns an error if the file lacks one of these: the sign-in callback, a sign-out
// URI of the origin, or openid in a list of scopes. Without it, Cognito would show users
// an error page. The file of a backend without a managed login has none of them, and the
// error says how to add one.
func (o *Outputs) Login(origin, routesPath string) (Login, error) {
	base := origin + cmp.Or(routesPath, defaultRoutesPath)
	l := Login{
		Scopes:      slices.Clone(o.OAuth.Scopes),
		RedirectURI: base + "/sign-in-callback", LogoutURI: base + "/sign-out-callback",
	}
	if o.UserPool.Domain == "" && len(o.OAuth.RedirectSignIn) == 0 && len(o.OAuth.RedirectSignOut) == 0 {
		return Login{}, fmt.Errorf("cognitogate: the outputs do not fit: %w", &ConfigError{Field: "oauth", Err: fmt.Errorf("is missing: "+
			"the backend has no managed login; add externalProviders with callbackUrls [%q] and logoutUrls [%q] to loginWith in amplify/auth/resource.ts, "+
			"or for generation 1 run amplify update auth, and deploy", l.RedirectURI, l.LogoutURI)})
	}
	var configErrors configerr.List
	// Cognito compares letter by letter.
	if !slices.Contains(o.OAuth.RedirectSignIn, l.RedirectURI) {
		configErrors.Add("redirect_sign_in_uri", "%s is not among %q: register it with the app client", l.RedirectURI, o.OAuth.RedirectSignIn)
	}
	if !slices.Contains(o.OAuth.RedirectSignOut, l.LogoutURI) {
		i := slices.IndexFunc(o.OAuth.RedirectSignOut, func(uri string) bool {
			u, err := url.Parse(uri)
			return err == nil && u.Scheme+"://"+u.Host == origin
		})
		if i >= 0 {
			l.LogoutURI = o.OAuth.RedirectSignOut[i]
		} else {
			configErrors.Add("redirect_sign_out_uri", "%s is not among %q: register it with the app client", l.LogoutURI, o.OAuth.RedirectSignOut)
		}
	}
	if len(l.Scopes) > 0 && !slices.Contains(l.Scopes, "openid") {
		configErrors.Add("scopes", "lack openid, without which Cognito issues no ID token")
	}
	if err := configErrors.Err(); err != nil {
		return Login{}, fmt.Errorf("cognitogate: the outputs do not fit:\n%w", err)
	}
	return l, nil
}

type outputsFile struct {
	jsonObject
	out Outputs
}

// generation2 reads amplify_outputs.json, version 1 and its minor versions.
func (f *outputsFile) generation2() {
	version := f.string("version")
	if major, _, _ := strings.Cut(version, "."); major != "1" {
		if len(*f.configErrors) == 0 { // it is a string
			f.configErrors.Add("version", "%q is not known; 1 and its minor versions are", version)
		}
		return
	}
	auth := f.sub("auth")
	oauth := auth.sub("oauth")
	f.out.UserPool = UserPool{
		ID: auth.string("user_pool_id"), ClientID: auth.string("user_pool_client_id"),
		IdentityPoolID: auth.string("identity_pool_id"), Domain: oauth.string("domain"),
	}
	f.validateUserPool(map[string]string{
		"ID": "auth.user_pool_id", "ClientID": "auth.user_pool_client_id", "IdentityPoolID": "auth.identity_pool_id", "Domain": "auth.oauth.domain",
	})
	f.out.AllowGuest = auth.bool("unauthenticated_identities_enabled")
	f.out.OAuth = OAuth{
		Scopes:         oauth.strings("scopes"),
		RedirectSignIn: oauth.strings("redirect_sign_in_uri"), RedirectSignOut: oauth.strings("redirect_sign_out_uri"),
	}
	for _, p := range oauth.strings("identity_providers") {
		if name, ok := amplifyProviders[p]; ok {
			f.out.OAuth.Providers = append(f.out.OAuth.Providers, name)
		}
	}
	storage := f.sub("storage")
	if name := storage.string("bucket_name"); name != "" {
		f.out.Buckets = []Bucket{{Bucket: name, Region: storage.string("aws_region")}}
	}
	for i, b := range storage.list("buckets") {
		bucket := Bucket{Name: b.string("name"), Bucket: b.string("bucket_name"), Region: b.string("aws_region")}
		if bucket.Bucket == "" {
			f.configErrors.Add(fmt.Sprintf("storage.buckets[%d].bucket_name", i), "is missing")
		}
		if slices.ContainsFunc(f.out.Buckets, func(o Bucket) bool { return o.Name != "" && o.Name == bucket.Name }) {
			f.configErrors.Add(fmt.Sprintf("storage.buckets[%d].name", i), "%q comes twice", bucket.Name)
		}
		if len(f.out.Buckets) > 0 && f.out.Buckets[0].Name == "" && f.out.Buckets[0].Bucket == bucket.Bucket {
			f.out.Buckets[0] = bucket // the default one, with its friendly name
			continue
		}
		f.out.Buckets = append(f.out.Buckets, bucket)
	}
	data := f.sub("data")
	if u := data.url("url"); u != "" {
		f.out.Data = Data{URL: u, Region: data.string("aws_region"), APIKey: data.string("api_key"), AuthMode: data.authMode("default_authorization_type")}
	}
}

// generation1 reads amplifyconfiguration.json or the object of aws-exports.js.
func (f *outputsFile) generation1() {
	if f.string("aws_project_region") == "" {
		f.configErrors.Add("aws_project_region", "is missing")
	}
	oauth := f.sub("oauth")
	f.out.UserPool = UserPool{
		ID: f.string("aws_user_pools_id"), ClientID: f.string("aws_user_pools_web_client_id"),
		IdentityPoolID: f.string("aws_cognito_identity_pool_id"), Domain: oauth.string("domain"),
	}
	f.validateUserPool(map[string]string{
		"ID": "aws_user_pools_id", "ClientID": "aws_user_pools_web_client_id", "IdentityPoolID": "aws_cognito_identity_pool_id", "Domain": "oauth.domain",
	})
	f.out.AllowGuest = f.string("aws_mandatory_sign_in") != "enable"
	f.out.OAuth = OAuth{
		Scopes:         oauth.strings("scope"),
		RedirectSignIn: splitList(oauth.string("redirectSignIn")), RedirectSignOut: splitList(oauth.string("redirectSignOut")),
	}
	for _, p := range f.strings("aws_cognito_social_providers") {
		if name, ok := amplifyProviders[p]; ok {
			f.out.OAuth.Providers = append(f.out.OAuth.Providers, name)
		}
	}
	if bucket := f.string("aws_user_files_s3_bucket"); bucket != "" {
		f.out.Buckets = []Bucket{{Bucket: bucket, Region: f.string("aws_user_files_s3_bucket_region")}}
	}
	if u := f.url("aws_appsync_graphqlEndpoint"); u != "" {
		f.out.Data = Data{URL: u, Region: f.string("aws_appsync_region"), APIKey: f.string("aws_appsync_apiKey"), AuthMode: f.authMode("aws_appsync_authenticationType")}
	}
	for _, api := range f.list("aws_cloud_logic_custom") {
		f.out.REST = append(f.out.REST, REST{Name: api.string("name"), Endpoint: api.url("endpoint"), Region: api.string("region"), Service: api.string("service")})
	}
}

// validateUserPool checks the user pool, which is required. members names the member
// that each of its fields was read from.
func (f *outputsFile) validateUserPool(members map[string]string) {
	var poolErrors configerr.List
	poolErrors.Join("", f.out.UserPool.Validate())
	for _, err := range poolErrors {
		if e, ok := errors.AsType[*ConfigError](err); ok {
			f.configErrors.Add(cmp.Or(members[e.Field], e.Field), "%w", e.Err)
		}
	}
}

// amplifyProviders maps the names of identity providers in both generations to
// Amplify's.
var amplifyProviders = map[string]string{
	"GOOGLE": "Google", "FACEBOOK": "Facebook", "LOGIN_WITH_AMAZON": "Amazon", "SIGN_IN_WITH_APPLE": "Apple", "AMAZON": "Amazon", "APPLE": "Apple",
}

// authModes maps AppSync's names of authorization modes to Amplify's.
var authModes = map[string]string{
	"": "iam", "AWS_IAM": "iam", "API_KEY": "apiKey", "AMAZON_COGNITO_USER_POOLS": "userPool", "OPENID_CONNECT": "oidc",
	"AWS_LAMBDA": "lambda", "LAMBDA": "lambda", "NONE": "none",
}

// authMode reads a member with an authorization mode. Amplify takes an unknown one for
// "iam", with which every call would fail.
func (o jsonObject) authMode(name string) string {
	mode := o.string(name)
	known, ok := authModes[mode]
	if !ok {
		o.configErrors.Add(o.path+name, "%q is not known", mode)
	}
	return known
}

// url reads a member with an absolute http(s) URL.
func (o jsonObject) url(name string) string {
	text := o.string(name)
	if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil) {
		o.configErrors.Add(o.path+name, "%q is not an absolute http(s) URL", text)
	}
	return text
}

// splitList splits at commas. It removes white space, which Amplify leaves: no URI has
// any.
func splitList(s string) (list []string) {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}
