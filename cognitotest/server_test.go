package cognitotest_test

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// ada is a user with everything that shows in tokens.
var ada = cognitotest.User{
	Username:   "ada",
	Password:   "Analytical-1",
	Groups:     []string{"admins", "staff"},
	Attributes: map[string]string{"email": "ada@example.com", "custom:tier": "gold"},
}

// sdk returns the AWS SDK's client of srv, in memory.
func sdk(srv *cognitotest.Server) *cip.Client {
	return cip.New(cip.Options{
		Region:           srv.UserPool().Region(),
		HTTPClient:       srv.Client(),
		Credentials:      aws.AnonymousCredentials{},
		RetryMaxAttempts: 1,
	})
}

// refresh exchanges a refresh token by way of the SDK.
func refresh(srv *cognitotest.Server, token string) (*tokens.Set, error) {
	pool := srv.UserPool()
	in := &cip.GetTokensFromRefreshTokenInput{ClientId: aws.String(pool.ClientID), RefreshToken: aws.String(token)}
	if pool.ClientSecret != "" {
		in.ClientSecret = aws.String(pool.ClientSecret)
	}
	out, err := sdk(srv).GetTokensFromRefreshToken(context.Background(), in)
	if err != nil {
		return nil, err
	}
	r := out.AuthenticationResult
	return &tokens.Set{
		Access:  aws.ToString(r.AccessToken),
		ID:      aws.ToString(r.IdToken),
		Refresh: aws.ToString(r.RefreshToken),
	}, nil
}

// getUser asks for the attributes of an access token's user.
func getUser(srv *cognitotest.Server, access string) (map[string]string, error) {
	out, err := sdk(srv).GetUser(context.Background(), &cip.GetUserInput{AccessToken: aws.String(access)})
	if err != nil {
		return nil, err
	}
	attributes := make(map[string]string)
	for _, a := range out.UserAttributes {
		attributes[aws.ToString(a.Name)] = aws.ToString(a.Value)
	}
	return attributes, nil
}

// refused checks that err is Cognito's error of this code and message.
func refused(t *testing.T, err error, code, message string) {
	t.Helper()
	var e interface {
		ErrorCode() string
		ErrorMessage() string
	}
	if !errors.As(err, &e) {
		t.Errorf("error %v, want %s: %s", err, code, message)
	} else if e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("error %s: %s, want %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

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

// decodeToken splits a token, verified or not.
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

// clock is a clock that stands still until it is moved.
func clock(srv *cognitotest.Server) (move func(time.Duration)) {
	now := time.Unix(1790000000, 0)
	srv.SetNow(func() time.Time { return now })
	return func(d time.Duration) { now = now.Add(d) }
}

func TestUserPool(t *testing.T) {
	a, b := cognitotest.New(ada), cognitotest.New(ada)
	for _, srv := range []*cognitotest.Server{a, b} {
		if err := srv.UserPool().Validate(); err != nil {
			t.Error(err)
		}
	}
	pa, pb := a.UserPool(), b.UserPool()
	if pa.ID == pb.ID || pa.ClientID == pb.ClientID {
		t.Errorf("two pools share a name: %v, %v", pa.ID, pa.ClientID)
	}
	if want := "https://cognito-idp.eu-west-1.amazonaws.com/" + pa.ID; pa.IssuerURL() != want {
		t.Errorf("issuer %s, want %s", pa.IssuerURL(), want)
	}
	if _, ok := verifies(t, publishedKeys(t, a.Client(), pa.IssuerURL()), b.Issue("ada").Access); ok {
		t.Error("one pool's keys verify the other's token")
	}
}

func TestAddClient(t *testing.T) {
	srv := cognitotest.New(ada)
	other := srv.AddClient("2other", "s3cret")
	if p := other.UserPool(); p.ClientID != "2other" || p.ClientSecret != "s3cret" || p.ID != srv.UserPool().ID {
		t.Errorf("pool %+v", p.ID)
	}
	set := other.Issue("ada")
	if _, claims := decodeToken(t, set.Access); claims["client_id"] != "2other" {
		t.Errorf("client_id %v", claims["client_id"])
	}
	if _, claims := decodeToken(t, set.ID); claims["aud"] != "2other" {
		t.Errorf("aud %v", claims["aud"])
	}
	if _, err := refresh(other, set.Refresh); err != nil {
		t.Error(err)
	}
	_, err := refresh(srv, set.Refresh)
	refused(t, err, "NotAuthorizedException", "Invalid Refresh Token")
	if n := srv.Calls("GetTokensFromRefreshToken"); n != 2 {
		t.Errorf("%d calls, want those of both app clients", n)
	}
}

func TestIssuers(t *testing.T) {
	srv := cognitotest.New(ada)
	original := srv.UserPool().IssuerURL()
	updated := strings.Replace(original, "https://", "https://issuer-", 1)
	issuer := func() any {
		_, claims := decodeToken(t, srv.Issue("ada").ID)
		return claims["iss"]
	}
	if got := issuer(); got != original {
		t.Errorf("iss %v, want %s", got, original)
	}
	resp, err := srv.Client().Get(updated + "/.well-known/jwks.json")
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("updated issuer of a pool that has not switched: %v, %v", resp, err)
	}
	srv.SwitchIssuer()
	if got := issuer(); got != updated {
		t.Errorf("iss %v, want %s", got, updated)
	}
	for _, iss := range []string{original, updated} {
		if _, ok := verifies(t, publishedKeys(t, srv.Client(), iss), srv.Issue("ada").Access); !ok {
			t.Errorf("the keys of %s do not verify", iss)
		}
	}
	srv.SetURL("http://127.0.0.1:9/emulator/")
	pool := srv.UserPool()
	if pool.Endpoint != "http://127.0.0.1:9/emulator" || issuer() != pool.IssuerURL() || pool.Issuer != pool.Endpoint+"/"+pool.ID {
		t.Errorf("after SetURL: endpoint %s, issuer %s", pool.Endpoint, pool.Issuer)
	}
	publishedKeys(t, srv.Client(), pool.IssuerURL())
	srv.SetURL("")
	if got := issuer(); got != updated {
		t.Errorf("iss %v, want AWS's again", got)
	}
}

func TestMistakesPanic(t *testing.T) {
	srv := cognitotest.New(ada)
	for name, mistake := range map[string]func(){
		"a username twice":     func() { cognitotest.New(ada, ada) },
		"no username":          func() { srv.SetUser(cognitotest.User{}) },
		"an unknown user":      func() { srv.Issue("bob") },
		"a client twice":       func() { srv.AddClient(srv.UserPool().ClientID, "") },
		"a long grace":         func() { srv.SetRotation(true, 61*time.Second) },
		"a relative URL":       func() { srv.SetURL("/emulator") },
		"a claim not for JSON": func() { srv.Issue("ada", func(d *cognitotest.Draft) { d.Claims["f"] = t.Log }) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "cognitotest: ") {
					t.Errorf("panic %q, want one of this package", s)
				}
			}()
			mistake()
		})
	}
	srv.Issue("ada") // and the lock is free
}
