package tokens_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

const otherClientID = "2otherclient34567890123456"

// newAudienceVerifier returns a Verifier with the user pool's keys for these resources.
func newAudienceVerifier(t *testing.T, audience ...string) *tokens.Verifier {
	t.Helper()
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
		Audience: audience,
		Now:      func() time.Time { return goldenNow },
		Keys:     tokens.StaticKeySet{accessKey().kid: &accessKey().PublicKey, idKey().kid: &idKey().PublicKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAudience verifies access tokens that are bound to resources, with and without
// resources of ours.
func TestAudience(t *testing.T) {
	anybody := newAudienceVerifier(t)
	ours := []string{"https://api.example.com", "https://api.example.com/mcp"}
	bound := newAudienceVerifier(t, ours...)
	ours[0] = "https://changed.example.com" // the Verifier has a copy
	for name, tt := range map[string]struct {
		audience string // "" for no claim
		accepted bool
	}{
		"unbound":                     {``, true},
		"bound to ours":               {`"aud":"https://api.example.com"`, true},
		"bound to ours with a path":   {`"aud":"https://api.example.com/mcp"`, true},
		"of the app client":           {`"aud":"1goldenweb2345678901234567"`, true},
		"an empty text":               {`"aud":""`, true},
		"bound to another":            {`"aud":"https://other.example.com"`, false},
		"bound to what was changed":   {`"aud":"https://changed.example.com"`, false},
		"a slash more":                {`"aud":"https://api.example.com/"`, false},
		"in other case":               {`"aud":"https://API.example.com"`, false},
		"of another app client":       {`"aud":"2otherclient34567890123456"`, false},
		"ours among others":           {`"aud":["https://other.example.com","https://api.example.com"]`, true},
		"others alone":                {`"aud":["https://other.example.com"]`, false},
		"an empty list":               {`"aud":[]`, false},
		"a list that is not of texts": {`"aud":["https://api.example.com",1]`, false},
	} {
		d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
		expired := newDraft(tokens.Access, goldenNow)
		if tt.audience != "" {
			set(&d.claims, "aud", tt.audience)
			set(&expired.claims, "aud", tt.audience)
		}
		raw := d.token()
		if _, err := anybody.Verify(context.Background(), raw, tokens.Access); err != nil {
			t.Errorf("%s, without Audience: %v", name, err)
		}
		token, err := bound.Verify(context.Background(), raw, tokens.Access)
		_, expiredErr := bound.Verify(context.Background(), expired.token(), tokens.Access)
		if tt.accepted {
			if err != nil || !errors.Is(expiredErr, tokens.Expired) {
				t.Errorf("%s: %v; expired: %v", name, err, expiredErr)
			}
			continue
		}
		checkRefusal(t, name, raw, token, err, tokens.BadAudience)
		if !errors.Is(expiredErr, tokens.BadAudience) {
			t.Errorf("%s, expired: %v", name, expiredErr) // or it would be refreshed
		}
	}
	// An ID token's audience is its app client.
	if _, err := bound.Verify(context.Background(), newDraft(tokens.ID, goldenNow.Add(time.Hour)).token(), tokens.ID); err != nil {
		t.Error(err)
	}
}

// TestVerifyBearer verifies tokens of the app client, of a further one and of a third one.
func TestVerifyBearer(t *testing.T) {
	v := newGoldenVerifier(t)
	ctx := context.Background()
	for name, tt := range map[string]struct {
		client string
		others []string
		want   error
	}{
		"ours":                {goldenUserPool.ClientID, nil, nil},
		"ours beside another": {goldenUserPool.ClientID, []string{otherClientID}, nil},
		"a further one":       {otherClientID, []string{"3third", otherClientID}, nil},
		"another one":         {otherClientID, []string{"3third"}, tokens.BadClient},
		"none is named":       {otherClientID, nil, tokens.BadClient},
		"no client":           {"", []string{""}, tokens.BadClient},
	} {
		d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
		set(&d.claims, "client_id", `"client_id":"`+tt.client+`"`)
		token, err := v.VerifyBearer(ctx, d.token(), tt.others...)
		if !errors.Is(err, tt.want) || tt.want == nil && token.ClientID() != tt.client {
			t.Errorf("%s: %v, %v", name, token, err)
		}
		if _, err := v.Verify(ctx, d.token(), tokens.Access); (err == nil) != (tt.client == goldenUserPool.ClientID) {
			t.Errorf("%s, not as a bearer: %v", name, err)
		}
		id := newDraft(tokens.ID, goldenNow.Add(time.Hour))
		set(&id.claims, "aud", `"aud":"`+tt.client+`"`)
		if tt.want == nil {
			tt.want = tokens.BadUse
		}
		if _, err := v.VerifyBearer(ctx, id.token(), tt.others...); !errors.Is(err, tt.want) {
			t.Errorf("%s, an ID token: %v", name, err)
		}
	}
	expired := newDraft(tokens.Access, goldenNow)
	set(&expired.claims, "client_id", `"client_id":"`+otherClientID+`"`)
	var refusal *tokens.VerifyError
	if _, err := v.VerifyBearer(ctx, expired.token(), otherClientID); !errors.As(err, &refusal) || refusal.Reason != tokens.Expired ||
		refusal.Token.ClientID() != otherClientID {
		t.Errorf("expired: %v", err)
	}
}
