package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// outputs is invented. These tests send nothing to AWS.
const outputs = `{
	"version": "1.4",
	"auth": {
		"user_pool_id": "eu-west-1_AbCdEf123",
		"user_pool_client_id": "1h57kf5cpq17m0eml12",
		"aws_region": "eu-west-1",
		"oauth": {
			"domain": "example.auth.eu-west-1.amazoncognito.com",
			"scopes": ["openid", "email", "aws.cognito.signin.user.admin"],
			"redirect_sign_in_uri": ["http://localhost:3000/api/auth/sign-in-callback", "https://app.example.com/api/auth/sign-in-callback"],
			"redirect_sign_out_uri": ["http://localhost:3000/api/auth/sign-out-callback", "https://app.example.com/api/auth/sign-out-callback"],
			"response_type": "code"
		}
	}
}`

const outputsGen1 = `{
	"aws_project_region": "eu-west-1",
	"aws_user_pools_id": "eu-west-1_AbCdEf123",
	"aws_user_pools_web_client_id": "1h57kf5cpq17m0eml12",
	"oauth": {
		"domain": "example.auth.eu-west-1.amazoncognito.com",
		"scope": ["openid", "email", "aws.cognito.signin.user.admin"],
		"redirectSignIn": "http://localhost:3000/api/auth/sign-in-callback,https://app.example.com/api/auth/sign-in-callback",
		"redirectSignOut": "http://localhost:3000/api/auth/sign-out-callback,https://app.example.com/api/auth/sign-out-callback",
		"responseType": "code"
	}
}`

func write(t *testing.T, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "amplify_outputs.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRunOnARealPool(t *testing.T) {
	for _, c := range []struct{ name, text string }{{"generation 2", outputs}, {"generation 1", outputsGen1}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			out, stdout := io.Pipe()
			log := new(syncBuffer)
			done := make(chan error, 1)
			go func() {
				err := run(ctx, []string{"-addr", "127.0.0.1:0", "-operator", "localhost:0", "-origin", "https://app.example.com", "-outputs", write(t, c.text)}, stdout, log)
				stdout.Close()
				done <- err
			}()
			lines := bufio.NewScanner(out)
			if !lines.Scan() {
				t.Fatal("run says nothing: ", <-done)
			}
			if got, want := lines.Text(), "Open https://app.example.com and sign in as a user of eu-west-1_AbCdEf123."; got != want {
				t.Errorf("run begins with %q, want %q", got, want)
			}
			stop()
			io.Copy(io.Discard, out)
			if err := <-done; err != nil {
				t.Error("run: ", err)
			}
			if !strings.Contains(log.String(), secretVariable+"=") {
				t.Errorf("a secret is made without a warning:\n%s", log.String())
			}
		})
	}
}

func TestRealPoolSignIn(t *testing.T) {
	cfg := config{Origin: "https://app.example.com", Logger: slog.New(slog.DiscardHandler)}
	if err := cfg.useOutputs(write(t, outputs), "a secret of thirty-two bytes or more"); err != nil {
		t.Fatal(err)
	}
	cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		t.Errorf("AWS is asked for %s", r.URL)
		return nil, http.ErrServerClosed
	})}
	a, err := newApp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{origin: cfg.Origin, handler: a}
	resp := d.ask("GET", "/dashboard?tab=2").expect(t, http.StatusTemporaryRedirect)
	resp.leadsTo(t, "/api/auth/sign-in?next=%2Fdashboard%3Ftab%3D2")
	to := d.ask("GET", "/api/auth/sign-in?next=%2Fdashboard").expect(t, http.StatusFound).Header.Get("Location")
	for _, want := range []string{
		`^https://example\.auth\.eu-west-1\.amazoncognito\.com/oauth2/authorize\?`, `[?&]client_id=1h57kf5cpq17m0eml12(&|$)`,
		`[?&]redirect_uri=https%3A%2F%2Fapp\.example\.com%2Fapi%2Fauth%2Fsign-in-callback(&|$)`, `[?&]code_challenge=`,
		`[?&]scope=openid\+email\+aws\.cognito\.signin\.user\.admin(&|$)`,
	} {
		if !regexp.MustCompile(want).MatchString(to) {
			t.Errorf("the sign-in leads to %s, which %s does not match", to, want)
		}
	}
	if to := d.ask("POST", "/api/auth/sign-out").expect(t, http.StatusSeeOther).Header.Get("Location"); !strings.Contains(to,
		"logout_uri=https%3A%2F%2Fapp.example.com%2Fapi%2Fauth%2Fsign-out-callback") {
		t.Errorf("the sign-out leads to %s", to)
	}
	page := d.ask("GET", "/").expect(t, 200, "a user pool of yours", "cognito.ReadOutputs(file)")
	if strings.Contains(page.body, users[0].Password) {
		t.Error("the page of a real user pool shows the demonstration's passwords")
	}
}

func TestOutputsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, text, origin string
		want               []string
	}{
		{"another site", outputs, "https://other.example.com", []string{
			"https://other.example.com/api/auth/sign-in-callback is not among",
			"https://other.example.com/api/auth/sign-out-callback is not among"}},
		{"another port of localhost", outputsGen1, "http://localhost:8080", []string{"http://localhost:8080/api/auth/sign-in-callback is not among"}},
		{"no managed login", `{"version": "1", "auth": {"user_pool_id": "eu-west-1_AbCdEf123", "user_pool_client_id": "1h57kf5cpq17m0eml12"}}`,
			"https://app.example.com", []string{"oauth: is missing", `callbackUrls ["https://app.example.com/api/auth/sign-in-callback"]`}},
		{"no openid", strings.Replace(outputs, `"openid", `, "", 1), "https://app.example.com", []string{"lack openid"}},
		{"no domain", strings.Replace(outputs, `"domain": "example.auth.eu-west-1.amazoncognito.com",`, "", 1), "https://app.example.com", []string{"UserPool.Domain: "}},
		{"no JSON", "export default {}", "https://app.example.com", []string{"amplify_outputs.json: ", "not a JSON object"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(t.Context(), []string{"-addr", "localhost:0", "-operator=", "-origin", c.origin, "-outputs", write(t, c.text)}, io.Discard, io.Discard)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q in it", err, want)
				}
			}
		})
	}
	t.Setenv(secretVariable, "short")
	err := run(t.Context(), []string{"-addr", "localhost:0", "-operator=", "-origin", "https://app.example.com", "-outputs", write(t, outputs)}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), secretVariable+": want 32 random characters") || strings.Contains(err.Error(), "short") {
		t.Errorf("with a short secret: %v", err)
	}
	if err := run(t.Context(), []string{"-addr", "localhost:0", "-operator=", "-outputs", "nowhere.json"}, io.Discard, io.Discard); err == nil {
		t.Error("a file that does not exist is no error")
	}
}

// TestEveryKindOfFile has files with and without each part. The program runs on all that
// have a managed login. For the others it says in one line what to add.
func TestEveryKindOfFile(t *testing.T) {
	const (
		poolGen1 = `"aws_project_region": "eu-west-1", "aws_user_pools_id": "eu-west-1_AbCdEf123", "aws_user_pools_web_client_id": "1h57kf5cpq17m0eml12"`
		poolGen2 = `"user_pool_id": "eu-west-1_AbCdEf123", "user_pool_client_id": "1h57kf5cpq17m0eml12", "mfa_configuration": "NONE"`
	)
	for _, kind := range []struct {
		complete, bare string
		auth, other    []string // parts of "auth", and beside it
	}{
		{
			strings.TrimSuffix(outputsGen1, "}") + "%s%s}", "{" + poolGen1 + "%s%s}",
			[]string{`"aws_cognito_identity_pool_id": "eu-west-1:11111111-2222-4333-8444-555555555555"`, `"aws_mandatory_sign_in": "enable"`},
			[]string{
				`"aws_user_files_s3_bucket": "files", "aws_user_files_s3_bucket_region": "eu-west-1"`,
				`"aws_appsync_graphqlEndpoint": "https://a.example/graphql", "aws_appsync_region": "eu-west-1", "aws_appsync_authenticationType": "AMAZON_COGNITO_USER_POOLS"`,
				`"aws_cloud_logic_custom": [{"name": "rest", "endpoint": "https://a.example/dev", "region": "eu-west-1"}]`,
			},
		}, {
			strings.TrimSuffix(outputs, "\n\t}\n}") + "%s}%s}", `{"version": "1.4", "auth": {` + poolGen2 + "%s}%s}",
			[]string{`"identity_pool_id": "eu-west-1:11111111-2222-4333-8444-555555555555"`, `"unauthenticated_identities_enabled": true`},
			[]string{
				`"storage": {"bucket_name": "files", "aws_region": "eu-west-1", "buckets": [{"name": "files", "bucket_name": "files", "aws_region": "eu-west-1"}]}`,
				`"data": {"url": "https://a.example/graphql", "aws_region": "eu-west-1", "default_authorization_type": "AWS_IAM", "authorization_types": []}`,
				`"custom": {"events": {"url": "https://a.example/event"}}`,
			},
		},
	} {
		for mask := range 1 << (len(kind.auth) + len(kind.other)) {
			var auth, other strings.Builder
			for i, part := range append(slices.Clone(kind.auth), kind.other...) {
				switch {
				case mask&(1<<i) == 0:
				case i < len(kind.auth):
					auth.WriteString(", " + part)
				default:
					other.WriteString(", " + part)
				}
			}
			start := func(format string) error {
				cfg := config{Origin: "https://app.example.com", Logger: slog.New(slog.DiscardHandler)}
				if err := cfg.useOutputs(write(t, fmt.Sprintf(format, auth.String(), other.String())), "a secret of thirty-two bytes or more"); err != nil {
					return err
				}
				_, err := newApp(cfg)
				return err
			}
			if err := start(kind.complete); err != nil {
				t.Errorf("with %s%s: %v", &auth, &other, err)
			}
			if err := start(kind.bare); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "oauth: is missing") {
				t.Errorf("without a managed login, with %s%s: %v", &auth, &other, err)
			}
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
