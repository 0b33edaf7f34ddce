package cognitotest_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestClaims(t *testing.T) {
	server := cognitotest.New(ada, cognitotest.User{Username: "bob", Attributes: map[string]string{
		"sub": "given", "phone_number": "+1", "phone_number_verified": "false",
	}})
	server.SetNow(func() time.Time { return time.Unix(1790000000, 5) })
	server.SetLifetime(10 * time.Minute)
	keys := publishedKeys(t, server.Client(), server.UserPool().IssuerURL())
	set := server.Issue("ada")
	access, ok := verifies(t, keys, set.Access)
	if !ok {
		t.Error("access token does not verify")
	}
	id, ok := verifies(t, keys, set.ID)
	if !ok {
		t.Error("ID token does not verify")
	}
	accessHeader, _ := decodeToken(t, set.Access)
	idHeader, _ := decodeToken(t, set.ID)
	if accessHeader["kid"] == idHeader["kid"] {
		t.Error("one key signs both tokens")
	}
	for _, name := range []string{"sub", "iss", "origin_jti", "event_id"} {
		if access[name] == "" || access[name] != id[name] {
			t.Errorf("%s: %v and %v", name, access[name], id[name])
		}
	}
	if access["jti"] == id["jti"] {
		t.Error("both tokens have one jti")
	}
	groups := []any{"admins", "staff"}
	for name, want := range map[string]any{
		"auth_time": 1790000000.0, "iat": 1790000000.0, "exp": 1790000600.0,
		"username": "ada", "cognito:groups": groups, "client_id": server.UserPool().ClientID,
	} {
		if !reflect.DeepEqual(access[name], want) {
			t.Errorf("access token: %s %v, want %v", name, access[name], want)
		}
	}
	for name, want := range map[string]any{
		"cognito:username": "ada", "cognito:groups": groups, "aud": server.UserPool().ClientID,
		"email": "ada@example.com", "email_verified": true, "custom:tier": "gold",
	} {
		if !reflect.DeepEqual(id[name], want) {
			t.Errorf("ID token: %s %v, want %v", name, id[name], want)
		}
	}
	_, bob := decodeToken(t, server.Issue("bob").ID)
	if bob["sub"] != "given" || bob["phone_number_verified"] != false || bob["email_verified"] != nil || bob["cognito:groups"] != nil {
		t.Errorf("bob: %v", bob)
	}
	_, again := decodeToken(t, cognitotest.New(ada).Issue("ada").ID)
	if again["sub"] != id["sub"] || again["origin_jti"] == id["origin_jti"] {
		t.Error("the sub depends on more than the username, or two sign-ins are one")
	}
}

func TestEdits(t *testing.T) {
	server := cognitotest.New(ada)
	keys := publishedKeys(t, server.Client(), server.UserPool().IssuerURL())
	only := func(use tokens.Use, edit func(*cognitotest.Draft)) func(*cognitotest.Draft) {
		return func(d *cognitotest.Draft) {
			if d.Use == use {
				edit(d)
			}
		}
	}
	t.Run("change a claim of one token", func(t *testing.T) {
		set := server.Issue("ada", nil, only(tokens.ID, func(d *cognitotest.Draft) { d.Claims["aud"] = "other" }))
		if claims, ok := verifies(t, keys, set.ID); !ok || claims["aud"] != "other" {
			t.Errorf("aud %v, verifies: %t", claims["aud"], ok)
		}
		if claims, ok := verifies(t, keys, set.Access); !ok || claims["client_id"] != server.UserPool().ClientID {
			t.Errorf("the access token changed: %v", claims)
		}
	})
	t.Run("expired", func(t *testing.T) {
		claims, ok := verifies(t, keys, server.Issue("ada", cognitotest.Expired).Access)
		if exp := time.Unix(int64(claims["exp"].(float64)), 0); !ok || time.Since(exp).Round(time.Minute) != time.Hour {
			t.Errorf("expired at %v, verifies: %t", exp, ok)
		}
	})
	t.Run("another key", func(t *testing.T) {
		rogue, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		set := server.Issue("ada", func(d *cognitotest.Draft) { d.Sign = cognitotest.RS256(rogue) })
		if _, ok := verifies(t, keys, set.Access); ok {
			t.Error("verifies with the user pool's key")
		}
		header, _ := decodeToken(t, set.Access)
		if _, ok := verifies(t, map[string]*rsa.PublicKey{header["kid"].(string): &rogue.PublicKey}, set.Access); !ok {
			t.Error("does not verify with the other key")
		}
	})
	t.Run("another algorithm", func(t *testing.T) {
		set := server.Issue("ada", func(d *cognitotest.Draft) {
			d.Header["alg"] = "HS256"
			d.Sign = func(input []byte) []byte {
				mac := hmac.New(sha256.New, []byte("public"))
				mac.Write(input)
				return mac.Sum(nil)
			}
		})
		if header, _ := decodeToken(t, set.Access); header["alg"] != "HS256" {
			t.Errorf("alg %v", header["alg"])
		}
		_, err := getUser(server, set.Access)
		wantAPIError(t, err, "NotAuthorizedException", "Invalid Access Token")
	})
	t.Run("no signature", func(t *testing.T) {
		set := server.Issue("ada", func(d *cognitotest.Draft) { d.Sign = func([]byte) []byte { return nil } })
		if !strings.HasSuffix(set.Access, ".") {
			t.Error("it is signed")
		}
	})
	t.Run("raw JSON", func(t *testing.T) {
		set := server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["deep"] = json.RawMessage(`[[1e2]]`) })
		if _, claims := decodeToken(t, set.Access); !reflect.DeepEqual(claims["deep"], []any{[]any{100.0}}) {
			t.Errorf("claim %v", claims["deep"])
		}
	})
	t.Run("write to the groups", func(t *testing.T) {
		server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["cognito:groups"].([]string)[0] = "root" })
		if _, claims := decodeToken(t, server.Issue("ada").Access); !reflect.DeepEqual(claims["cognito:groups"], []any{"admins", "staff"}) {
			t.Errorf("the edit changed the user: %v", claims["cognito:groups"])
		}
	})
	t.Run("a refresh is not edited", func(t *testing.T) {
		set, err := refresh(server, server.Issue("ada", cognitotest.Expired).Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := getUser(server, set.Access); err != nil {
			t.Error(err)
		}
	})
}
