package cognitotest_test

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// publishedKeys fetches the key set below an issuer.
func publishedKeys(t *testing.T, client *http.Client, issuer string) map[string]*rsa.PublicKey {
	t.Helper()
	resp, err := client.Get(issuer + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var set struct {
		Keys []struct{ Alg, E, Kid, Kty, N, Use string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil || resp.StatusCode != 200 {
		t.Fatalf("key set: status %d, %v", resp.StatusCode, err)
	}
	keys := make(map[string]*rsa.PublicKey)
	for _, k := range set.Keys {
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		if err != nil || k.Alg != "RS256" || k.E != "AQAB" || k.Kty != "RSA" || k.Use != "sig" {
			t.Errorf("key %+v, %v", k, err)
		}
		keys[k.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	}
	return keys
}

// decodeToken decodes a token without verifying it.
func decodeToken(t *testing.T, raw string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	for i, v := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err := cmp.Or(err, json.Unmarshal(b, v)); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// verifies reports whether raw is signed by one of keys, and returns its
// claims.
func verifies(t *testing.T, keys map[string]*rsa.PublicKey, raw string) (claims map[string]any, ok bool) {
	t.Helper()
	header, claims := decodeToken(t, raw)
	key := keys[header["kid"].(string)]
	dot := strings.LastIndexByte(raw, '.')
	signature, err := base64.RawURLEncoding.DecodeString(raw[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(raw[:dot]))
	return claims, key != nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
}

func TestAccessTokenRefused(t *testing.T) {
	server := cognitotest.New(ada)
	claim := func(name string, value any) func(*cognitotest.Draft) {
		return func(d *cognitotest.Draft) { d.Claims[name] = value }
	}
	for _, c := range []struct{ name, token, reason string }{
		{"garbage", "garbage", "Invalid Access Token"},
		{"not base64", "a.b.c", "Invalid Access Token"},
		{"ID token", server.Issue("ada").ID, "Invalid Access Token"},
		{"another issuer", server.Issue("ada", claim("iss", "https://example.com")).Access, "Invalid Access Token"},
		{"another pool", cognitotest.New(ada).Issue("ada").Access, "Could not verify signature for Access Token"},
		{"expired", server.Issue("ada", cognitotest.Expired).Access, "Access Token has expired"},
		{"without scope", server.Issue("ada", claim("scope", "openid")).Access, "Access Token does not have required scopes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := getUser(server, c.token)
			wantAPIError(t, err, "NotAuthorizedException", c.reason)
		})
	}
	_, err := userPoolClient(server).RevokeToken(t.Context(), &cip.RevokeTokenInput{
		ClientId: aws.String(server.UserPool().ClientID), Token: aws.String(server.Issue("ada").Access),
	})
	wantAPIError(t, err, "UnsupportedTokenTypeException", "Only refresh tokens can be revoked.")
	_, err = userPoolClient(server).RevokeToken(t.Context(), &cip.RevokeTokenInput{
		ClientId: aws.String(server.UserPool().ClientID), Token: aws.String(server.AddClient("2other", "").Issue("ada").Refresh),
	})
	wantAPIError(t, err, "UnauthorizedException", "Refresh Token has different Client")
}
