package tokens_test

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestTokenHasItsClaims compares a Token with the signed claims.
func TestTokenHasItsClaims(t *testing.T) {
	v := newGoldenVerifier(t)
	for _, use := range []tokens.Use{tokens.Access, tokens.ID} {
		d := newDraft(use, goldenNow.Add(time.Hour))
		d.claims = append(d.claims, `"cognito:groups":["admins","\u00fcbersetzer"]`, `"iat":1789999000`, `"auth_time":1789990000.25`,
			`"origin_jti":"origin"`, `"scope":"openid  profile"`, `"username":"ada"`, `"cognito:username":"Ada"`, `"custom:tier":"gold"`)
		token, err := v.Verify(context.Background(), d.token(), use)
		if err != nil {
			t.Fatal(err)
		}
		username := map[tokens.Use]string{tokens.Access: "ada", tokens.ID: "Ada"}[use]
		if token.Issuer() != goldenUserPool.IssuerURL() || token.Username() != username || token.OriginID() != "origin" ||
			!token.IssuedAt().Equal(time.Unix(1789999000, 0)) || !token.AuthTime().Equal(time.Unix(1789990000, 25e7)) ||
			!token.ExpiresAt().Equal(goldenNow.Add(time.Hour)) {
			t.Errorf("%s: %v of %q, %q, %q, %v, %v", use, token, token.Issuer(), token.Username(), token.OriginID(), token.IssuedAt(), token.AuthTime())
		}
		if got := token.Scopes(); !slices.Equal(got, []string{"openid", "profile"}) {
			t.Errorf("%s: scopes %q", use, got)
		}
		groups := token.Groups()
		if !slices.Equal(groups, []string{"admins", "übersetzer"}) {
			t.Errorf("%s: groups %q", use, groups)
		}
		var claims struct {
			Tier string `json:"custom:tier"`
		}
		if err := token.Claims(&claims); err != nil || claims.Tier != "gold" {
			t.Errorf("%s: claims %v, %v", use, claims, err)
		}
	}
	if err := new(tokens.Token).Claims(new(any)); err == nil {
		t.Error("a token that nobody verified has claims")
	}
}

// TestNonceAndAudience: a nonce that is no string is none, and does not refuse the token.
func TestNonceAndAudience(t *testing.T) {
	v := newGoldenVerifier(t)
	for nonce, want := range map[string]string{`"n-0S6"`: "n-0S6", `5`: "", `null`: "", `{"a":"b"}`: "", `""`: ""} {
		d := newDraft(tokens.ID, goldenNow.Add(time.Hour))
		d.claims = append(d.claims, `"nonce":`+nonce)
		token, err := v.Verify(context.Background(), d.token(), tokens.ID)
		if err != nil || token.Nonce() != want || token.Audience() != goldenUserPool.ClientID {
			t.Errorf("%s: %v, %v", nonce, token, err)
		}
	}
	d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
	d.claims = append(d.claims, `"aud":"https://api.example.com"`)
	if token, err := v.Verify(context.Background(), d.token(), tokens.Access); err != nil || token.Audience() != "https://api.example.com" {
		t.Errorf("a resource server: %v, %v", token, err)
	}
}

// TestTokenCannotBeChanged checks that a handler cannot change a Token, which requests
// share: every field is unexported, so an assignment does not compile, and no method
// returns memory of the Token.
func TestTokenCannotBeChanged(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[tokens.Token]()) {
		if f.IsExported() {
			t.Errorf("the field %s is exported", f.Name)
		}
	}
	d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
	d.claims = append(d.claims, `"cognito:groups":["admins"]`, `"scope":"openid"`)
	token, err := newGoldenVerifier(t).Verify(context.Background(), d.token(), tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	value := reflect.ValueOf(token)
	for i := range value.NumMethod() {
		name, method := value.Type().Method(i).Name, value.Method(i)
		if method.Type().NumIn() > 0 {
			continue
		}
		result := method.Call(nil)[0]
		switch result.Interface().(type) {
		case string, tokens.Use, time.Time, slog.Value:
		case []string:
			want := result.Index(0).String()
			result.Index(0).SetString("root")
			if got := method.Call(nil)[0].Index(0).String(); got != want {
				t.Errorf("a caller of %s changes %q to %q", name, want, got)
			}
		default:
			t.Errorf("%s returns a %s, which may be memory of the Token", name, result.Type())
		}
	}
}

// TestDeviceKey reads the claim of access tokens alone, and only as a string.
func TestDeviceKey(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	v, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"device_key", "eu-west-1_1111", "eu-west-1_1111"},
		{"device_key", "a\"\u00e9\n", "a\"\u00e9\n"},
		{"device_key", "", ""},
		{"device_key", nil, ""},
		{"device_key", int64(1), ""},
		{"device_key", []string{"eu-west-1_1111"}, ""},
		{"Device_Key", "eu-west-1_1111", ""},
		{"custom:device_key", "eu-west-1_1111", ""},
	} {
		set := server.Issue("ada", func(d *cognitotest.Draft) { d.Claims[test.name] = test.value })
		access, err := v.Verify(t.Context(), set.Access, tokens.Access)
		if err != nil || access.DeviceKey() != test.want {
			t.Errorf("%s %v: %v, %v", test.name, test.value, access, err)
		}
		if id, err := v.Verify(t.Context(), set.ID, tokens.ID); err != nil || id.DeviceKey() != "" {
			t.Errorf("%s %v of an ID token: %v, %v", test.name, test.value, id, err)
		}
	}
	if key := new(tokens.Token).DeviceKey(); key != "" {
		t.Errorf("of the zero Token: %q", key)
	}
}
