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
)

// Outputs is what this module reads of an Amplify configuration file.
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
// generation 2, or amplifyconfiguration.json of generation 1. Members that it does
// not know are ignored. Everything that is wrong with those it reads is reported
// at once, each line beginning with the member's name.
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
	f := &outputsFile{object: object{members: members}}
	f.object.faults = &f.faults
	gen1 := ""
	for name := range members {
		if strings.HasPrefix(name, "aws_") && (gen1 == "" || name < gen1) {
			gen1 = name
		}
	}
	_, gen2 := members["version"]
	switch {
	case gen1 != "" && gen2:
		f.faults.add(gen1, `stands beside "version": the file is of both generations, or two files have been merged`)
	case gen1 != "":
		f.generation1()
	case gen2:
		f.generation2()
	default:
		f.faults.add("version", `is missing, and there is no "aws_…" member: this is no amplify_outputs.json or amplifyconfiguration.json`)
	}
	if len(f.faults) > 0 {
		return nil, fmt.Errorf("cognitogate: the outputs are wrong:\n%w", errors.Join(f.faults...))
	}
	return &f.out, nil
}

// Login returns the Login for Config.Origin and Config.RoutesPath ("" is its
// default), with the file's scopes. Its LogoutURI is the sign-out callback or, if the
// file does not list that, the first URI of the origin that it lists. A callback that
// is not listed is an error, and so is an origin without a URI to sign out to and
// scopes without openid: users would find it on Cognito's error page.
func (o *Outputs) Login(origin, routesPath string) (Login, error) {
	base := origin + cmp.Or(routesPath, defaultRoutesPath)
	l := Login{
		Scopes:      slices.Clone(o.OAuth.Scopes),
		RedirectURI: base + "/sign-in-callback", LogoutURI: base + "/sign-out-callback",
	}
	var wrong faults
	// Cognito compares letter by letter.
	if !slices.Contains(o.OAuth.RedirectSignIn, l.RedirectURI) {
		wrong.add("redirect_sign_in_uri", "%s is not among %q: register it with the app client", l.RedirectURI, o.OAuth.RedirectSignIn)
	}
	if !slices.Contains(o.OAuth.RedirectSignOut, l.LogoutURI) {
		i := slices.IndexFunc(o.OAuth.RedirectSignOut, func(uri string) bool {
			u, err := url.Parse(uri)
			return err == nil && u.Scheme+"://"+u.Host == origin
		})
		if i >= 0 {
			l.LogoutURI = o.OAuth.RedirectSignOut[i]
		} else {
			wrong.add("redirect_sign_out_uri", "%s is not among %q: register it with the app client", l.LogoutURI, o.OAuth.RedirectSignOut)
		}
	}
	if len(l.Scopes) > 0 && !slices.Contains(l.Scopes, "openid") {
		wrong.add("scopes", "lack openid, without which Cognito issues no ID token")
	}
	if err := errors.Join(wrong...); err != nil {
		return Login{}, fmt.Errorf("cognitogate: the outputs do not fit:\n%w", err)
	}
	return l, nil
}

type outputsFile struct {
	object
	faults faults
	out    Outputs
}

// generation2 reads amplify_outputs.json, version 1 and its minor versions.
func (f *outputsFile) generation2() {
	version := f.string("version")
	if major, _, _ := strings.Cut(version, "."); major != "1" {
		if len(f.faults) == 0 { // it is a string
			f.faults.add("version", "%q is not known; 1 and its minor versions are", version)
		}
		return
	}
	auth := f.sub("auth")
	oauth := auth.sub("oauth")
	f.out.UserPool = UserPool{
		ID: auth.string("user_pool_id"), ClientID: auth.string("user_pool_client_id"),
		IdentityPoolID: auth.string("identity_pool_id"), Domain: oauth.string("domain"),
	}
	f.pool(map[string]string{"ID": "auth.user_pool_id", "ClientID": "auth.user_pool_client_id", "Domain": "auth.oauth.domain"})
	f.out.AllowGuest = auth.bool("unauthenticated_identities_enabled")
	f.out.OAuth = OAuth{
		Scopes:         oauth.strings("scopes"),
		RedirectSignIn: oauth.strings("redirect_sign_in_uri"), RedirectSignOut: oauth.strings("redirect_sign_out_uri"),
	}
	for _, p := range oauth.strings("identity_providers") {
		if name, ok := providers[p]; ok {
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
			f.faults.add(fmt.Sprintf("storage.buckets[%d].bucket_name", i), "is missing")
		}
		if slices.ContainsFunc(f.out.Buckets, func(o Bucket) bool { return o.Name != "" && o.Name == bucket.Name }) {
			f.faults.add(fmt.Sprintf("storage.buckets[%d].name", i), "%q comes twice", bucket.Name)
		}
		if len(f.out.Buckets) > 0 && f.out.Buckets[0].Name == "" && f.out.Buckets[0].Bucket == bucket.Bucket {
			f.out.Buckets[0] = bucket // the default one, with its friendly name
			continue
		}
		f.out.Buckets = append(f.out.Buckets, bucket)
	}
	data := f.sub("data")
	if u := data.string("url"); u != "" {
		f.out.Data = Data{URL: u, Region: data.string("aws_region"), APIKey: data.string("api_key"), AuthMode: authMode(data.string("default_authorization_type"))}
	}
}

// generation1 reads amplifyconfiguration.json or the object of aws-exports.js.
func (f *outputsFile) generation1() {
	if f.string("aws_project_region") == "" {
		f.faults.add("aws_project_region", "is missing")
	}
	oauth := f.sub("oauth")
	f.out.UserPool = UserPool{
		ID: f.string("aws_user_pools_id"), ClientID: f.string("aws_user_pools_web_client_id"),
		IdentityPoolID: f.string("aws_cognito_identity_pool_id"), Domain: oauth.string("domain"),
	}
	f.pool(map[string]string{"ID": "aws_user_pools_id", "ClientID": "aws_user_pools_web_client_id", "Domain": "oauth.domain"})
	f.out.AllowGuest = f.string("aws_mandatory_sign_in") != "enable"
	f.out.OAuth = OAuth{
		Scopes:         oauth.strings("scope"),
		RedirectSignIn: splitList(oauth.string("redirectSignIn")), RedirectSignOut: splitList(oauth.string("redirectSignOut")),
	}
	for _, p := range f.strings("aws_cognito_social_providers") {
		if name, ok := providers[p]; ok {
			f.out.OAuth.Providers = append(f.out.OAuth.Providers, name)
		}
	}
	if bucket := f.string("aws_user_files_s3_bucket"); bucket != "" {
		f.out.Buckets = []Bucket{{Bucket: bucket, Region: f.string("aws_user_files_s3_bucket_region")}}
	}
	if u := f.string("aws_appsync_graphqlEndpoint"); u != "" {
		f.out.Data = Data{URL: u, Region: f.string("aws_appsync_region"), APIKey: f.string("aws_appsync_apiKey"), AuthMode: authMode(f.string("aws_appsync_authenticationType"))}
	}
	for _, api := range f.list("aws_cloud_logic_custom") {
		f.out.REST = append(f.out.REST, REST{Name: api.string("name"), Endpoint: api.string("endpoint"), Region: api.string("region"), Service: api.string("service")})
	}
}

// pool checks the user pool, which nothing works without. members are those that
// its fields have been read from.
func (f *outputsFile) pool(members map[string]string) {
	if err := f.out.UserPool.Validate(); err != nil {
		for line := range strings.Lines(err.Error()) {
			field, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			f.faults.add(cmp.Or(members[field], field), "%s", rest)
		}
	}
}

// providers maps the names of identity providers in both generations to Amplify's.
var providers = map[string]string{
	"GOOGLE": "Google", "FACEBOOK": "Facebook", "LOGIN_WITH_AMAZON": "Amazon", "SIGN_IN_WITH_APPLE": "Apple", "AMAZON": "Amazon", "APPLE": "Apple",
}

// authMode maps AppSync's names of authorization to Amplify's; like Amplify, what
// it does not know is "iam".
func authMode(s string) string {
	switch s {
	case "API_KEY":
		return "apiKey"
	case "AMAZON_COGNITO_USER_POOLS":
		return "userPool"
	case "OPENID_CONNECT":
		return "oidc"
	case "AWS_LAMBDA", "LAMBDA":
		return "lambda"
	case "NONE":
		return "none"
	}
	return "iam"
}

// splitList splits at commas. Amplify leaves white space on; no URI has any.
func splitList(s string) (list []string) {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// object is a JSON object whose members are read by name. A member of the wrong
// type is noted as a fault; one that is missing or null is the zero value.
type object struct {
	members map[string]json.RawMessage
	path    string
	faults  *faults
}

func (o object) read(name string, v any, what string) {
	if raw, ok := o.members[name]; ok && json.Unmarshal(raw, v) != nil {
		o.faults.add(o.path+name, "is not %s", what)
	}
}

func (o object) string(name string) (s string) {
	o.read(name, &s, "a string")
	return s
}

func (o object) bool(name string) (b bool) {
	o.read(name, &b, "true or false")
	return b
}

func (o object) strings(name string) (list []string) {
	const what = "a list of strings"
	var items []*string
	o.read(name, &items, what)
	for _, item := range items {
		if item == nil { // null
			o.faults.add(o.path+name, "is not %s", what)
			return nil
		}
		list = append(list, *item)
	}
	return list
}

func (o object) sub(name string) object {
	sub := object{path: o.path + name + ".", faults: o.faults}
	o.read(name, &sub.members, "an object")
	return sub
}

func (o object) list(name string) (list []object) {
	var items []map[string]json.RawMessage
	o.read(name, &items, "a list of objects")
	for i, members := range items {
		list = append(list, object{members: members, path: fmt.Sprintf("%s%s[%d].", o.path, name, i), faults: o.faults})
	}
	return list
}
