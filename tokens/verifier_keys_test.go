package tokens_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// TestKeySetIsAskedForTheTokensIssuer checks that a key counts only for the issuer that
// publishes it.
func TestKeySetIsAskedForTheTokensIssuer(t *testing.T) {
	const updated = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenA01"
	var asked []string
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
		Now: func() time.Time { return goldenNow },
		Keys: keySetFunc(func(issuer, kid string) (crypto.PublicKey, error) {
			asked = append(asked, issuer+" "+kid)
			if issuer == updated {
				return nil, tokens.UnknownKey
			}
			return &accessKey().PublicKey, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
	if _, err := v.Verify(context.Background(), d.token(), tokens.Access); err != nil {
		t.Error(err)
	}
	set(&d.claims, "iss", `"iss":"`+updated+`"`)
	if _, err := v.Verify(context.Background(), d.token(), tokens.Access); !errors.Is(err, tokens.UnknownKey) {
		t.Error(err)
	}
	set(&d.claims, "iss", `"iss":"https://evil.example/us-east-1_GoldenA01"`)
	if _, err := v.Verify(context.Background(), d.token(), tokens.Access); !errors.Is(err, tokens.BadIssuer) {
		t.Error(err)
	}
	want := []string{goldenUserPool.IssuerURL() + " " + accessKey().kid, updated + " " + accessKey().kid}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

type keySetFunc func(issuer, kid string) (crypto.PublicKey, error)

func (f keySetFunc) Key(_ context.Context, issuer, kid string) (crypto.PublicKey, error) {
	return f(issuer, kid)
}

// TestTokenWithoutKid checks that no key set is asked for an empty kid.
func TestTokenWithoutKid(t *testing.T) {
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
		Now:  func() time.Time { return goldenNow },
		Keys: tokens.StaticKeySet{"": &accessKey().PublicKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{``, `"kid":""`} {
		d := newDraft(tokens.Access, goldenNow.Add(time.Hour))
		set(&d.header, "kid")
		if kid != "" {
			d.header = append(d.header, kid)
		}
		if _, err := v.Verify(context.Background(), d.token(), tokens.Access); !errors.Is(err, tokens.UnknownKey) {
			t.Errorf("with %q: %v", kid, err)
		}
	}
}

// TestCustomKeySets checks all answers of a KeySet.
func TestCustomKeySets(t *testing.T) {
	broken := errors.New("vault is sealed")
	for _, tt := range []struct {
		name string
		key  crypto.PublicKey
		err  error
		want error
	}{
		{"the key", &accessKey().PublicKey, nil, nil},
		{"no such key", nil, fmt.Errorf("vault: %w", tokens.UnknownKey), tokens.UnknownKey},
		{"a failure", nil, broken, tokens.ErrUnavailable},
		{"nothing", nil, nil, tokens.UnknownKey},
		{"a nil key", (*rsa.PublicKey)(nil), nil, tokens.UnknownKey},
		{"a key without a modulus", &rsa.PublicKey{E: 65537}, nil, tokens.UnknownKey},
		{"a key of 1024 bits", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}, nil, tokens.UnknownKey},
		{"an even modulus", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, nil, tokens.BadSignature},
		{"a key that is a value", accessKey().PublicKey, nil, tokens.UnknownKey},
		{"the private key", accessKey().PrivateKey, nil, tokens.UnknownKey},
		{"a secret", []byte("secret"), nil, tokens.UnknownKey},
		{"an elliptic key", &must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))).PublicKey, nil, tokens.UnknownKey},
	} {
		v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
			Now:  func() time.Time { return goldenNow },
			Keys: keySetFunc(func(string, string) (crypto.PublicKey, error) { return tt.key, tt.err }),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(context.Background(), newDraft(tokens.Access, goldenNow.Add(time.Hour)).token(), tokens.Access)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if tt.err == broken && (!errors.Is(err, broken) || reasonOf(err) != err) {
			t.Errorf("%s: %v hides the cause, or looks like a refusal", tt.name, err)
		}
	}
}

// TestTrustInACustomKeyEnds checks that a key of a custom KeySet is trusted for five
// minutes, and no longer after a clock was set back.
func TestTrustInACustomKeyEnds(t *testing.T) {
	now := goldenNow
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
		Now:  func() time.Time { return now },
		Keys: tokens.StaticKeySet{accessKey().kid: &accessKey().PublicKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := v.Verify(context.Background(), newDraft(tokens.Access, goldenNow.Add(time.Hour)).token(), tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{0: true, 5*time.Minute - 1: true, 5 * time.Minute: false, -time.Hour: false} {
		now = goldenNow.Add(after)
		if v.Trusted(now, token) != want {
			t.Errorf("after %v the token is trusted: %t", after, !want)
		}
	}
	if v.Trusted(now, nil) || v.Trusted(now, new(tokens.Token)) {
		t.Error("a token that nobody verified is trusted")
	}
}
