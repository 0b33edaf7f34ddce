package tokens_test

import (
	"context"
	"encoding/json"
	"math/big"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

// customToken returns a verified token with these claims too.
func customToken(t *testing.T, use tokens.Use, claims ...string) *tokens.Token {
	t.Helper()
	d := newDraft(use, goldenNow.Add(time.Hour))
	d.claims = append(d.claims, claims...)
	token, err := newGoldenVerifier(t).Verify(context.Background(), d.token(), use)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

type flatClaims struct {
	Tenant string  `json:"custom:tenant"`
	Level  int     `json:"level"`
	Pair   [2]bool `json:"pair"`
	Sub    string  `json:"sub"`
}

type deepClaims struct {
	Embedded
	Roles  []string          `json:"roles"`
	Labels map[string]string `json:"labels"`
	Tree   *tree             `json:"tree"`
	Any    any               `json:"any"`
	Lists  [1][]int          `json:"lists"`
}

type Embedded struct {
	Tenant string `json:"custom:tenant"`
}

type tree struct {
	Name     string
	Children []tree
}

var customClaims = []string{
	`"custom:tenant":"acme"`, `"level":3`, `"pair":[true,false]`, `"roles":["a","b"]`, `"labels":{"x":"y"}`,
	`"tree":{"Name":"t","Children":[{"Name":"u"}]}`, `"any":{"k":[1,{"l":null}]}`, `"lists":[[1,2]]`, `"big":12345678901234567890`, `"raw":{"a":1}`,
}

// TestClaimsAs decodes custom claims of both tokens, again and again.
func TestClaimsAs(t *testing.T) {
	for _, use := range []tokens.Use{tokens.Access, tokens.ID} {
		token := customToken(t, use, customClaims...)
		for range 3 {
			flat, err := tokens.ClaimsAs[flatClaims](token)
			if want := (flatClaims{Tenant: "acme", Level: 3, Pair: [2]bool{true, false}, Sub: token.Subject()}); err != nil || flat != want {
				t.Errorf("%s: %+v, %v", use, flat, err)
			}
			deep, err := tokens.ClaimsAs[deepClaims](token)
			if want := (deepClaims{
				Embedded{"acme"}, []string{"a", "b"}, map[string]string{"x": "y"}, &tree{"t", []tree{{"u", nil}}},
				map[string]any{"k": []any{1.0, map[string]any{"l": nil}}}, [1][]int{{1, 2}},
			}); err != nil || !reflect.DeepEqual(deep, want) {
				t.Errorf("%s: %+v, %v", use, deep, err)
			}
			// A caller may change its copy.
			deep.Roles[0], deep.Labels["x"], deep.Tree.Name, deep.Tree.Children[0].Name, deep.Lists[0][0] = "root", "root", "root", "root", 9
			deep.Any.(map[string]any)["k"].([]any)[1].(map[string]any)["l"] = "root"

			pointer, err := tokens.ClaimsAs[*deepClaims](token)
			if err != nil || pointer.Roles[1] != "b" {
				t.Errorf("%s: %+v, %v", use, pointer, err)
			}
			pointer.Roles[1] = "root"
			all, err := tokens.ClaimsAs[map[string]any](token)
			if err != nil || all["level"] != 3.0 || all["sub"] != token.Subject() {
				t.Errorf("%s: %v, %v", use, all, err)
			}
			all["level"] = "root"
			// What hides its memory is decoded anew each time, and so is a fifth type.
			hidden, err := tokens.ClaimsAs[struct {
				Big *big.Int        `json:"big"`
				Raw json.RawMessage `json:"raw"`
			}](token)
			if err != nil || hidden.Big.String() != "12345678901234567890" || string(hidden.Raw) != `{"a":1}` {
				t.Errorf("%s: %v, %v", use, hidden, err)
			}
			hidden.Big.SetInt64(0)
			hidden.Raw[0] = 'x'
			fifth, err := tokens.ClaimsAs[struct{ Level int8 }](token)
			if err != nil || fifth.Level != 0 { // "Level" is not "level"
				t.Errorf("%s: %v, %v", use, fifth, err)
			}
		}
	}
}

// TestClaimsAsComparesNamesExactly: no claim of a similar name replaces one, in any order.
func TestClaimsAsComparesNamesExactly(t *testing.T) {
	for _, claims := range [][]string{
		{`"custom:tenant":"acme"`, `"custom:Tenant":"evil"`, `"CUSTOM:TENANT":"evil"`},
		{`"custom:Tenant":"evil"`, `"custom:tenant":"acme"`},
	} {
		if got, err := tokens.ClaimsAs[flatClaims](customToken(t, tokens.ID, claims...)); err != nil || got.Tenant != "acme" {
			t.Errorf("%q: %+v, %v", claims, got, err)
		}
	}
	if got, err := tokens.ClaimsAs[flatClaims](customToken(t, tokens.ID, `"custom:Tenant":"evil"`)); err != nil || got.Tenant != "" {
		t.Errorf("%+v, %v", got, err)
	}
	// No claim is for an embedded struct itself.
	if got, err := tokens.ClaimsAs[struct {
		Embedded
		Text string `json:"embedded"`
	}](customToken(t, tokens.ID, `"Embedded":"evil"`)); err != nil || got.Text != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestClaimsAsErrors(t *testing.T) {
	if _, err := tokens.ClaimsAs[flatClaims](nil); err == nil {
		t.Error("no token has claims")
	}
	if _, err := tokens.ClaimsAs[flatClaims](new(tokens.Token)); err == nil {
		t.Error("a token that nobody verified has claims")
	}
	token := customToken(t, tokens.Access, `"level":"high"`)
	for range 2 {
		if _, err := tokens.ClaimsAs[flatClaims](token); err == nil {
			t.Error("a claim of another type is accepted")
		}
	}
	if got, err := tokens.ClaimsAs[struct {
		Level string `json:"level"`
	}](token); err != nil || got.Level != "high" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestClaimsAsConcurrently has many goroutines decode one token.
func TestClaimsAsConcurrently(t *testing.T) {
	token := customToken(t, tokens.ID, customClaims...)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			for range 50 {
				flat, err := tokens.ClaimsAs[flatClaims](token)
				if deep, err := tokens.ClaimsAs[deepClaims](token); err != nil || deep.Roles[0] != "a" {
					t.Errorf("%v, %v", deep, err)
				} else {
					deep.Roles[0] = "root"
				}
				if err != nil || flat.Tenant != "acme" {
					t.Errorf("%v, %v", flat, err)
				}
			}
		})
	}
	group.Wait()
}

// TestClaimsAsAllocatesNothing: the second call decodes nothing.
func TestClaimsAsAllocatesNothing(t *testing.T) {
	longtest.WithoutRace(t)
	token := customToken(t, tokens.ID, customClaims...)
	if n := testing.AllocsPerRun(100, func() { _, _ = tokens.ClaimsAs[flatClaims](token) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	type roles struct {
		Roles []string `json:"roles"`
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = tokens.ClaimsAs[roles](token) }); n > 5 {
		t.Errorf("%v allocations for a slice", n)
	}
	// Values of four types are kept.
	decode := []func(){
		func() { _, _ = tokens.ClaimsAs[struct{ A int }](token) }, func() { _, _ = tokens.ClaimsAs[struct{ B int }](token) },
		func() { _, _ = tokens.ClaimsAs[struct{ C int }](token) },
	}
	for i, f := range decode {
		if n := testing.AllocsPerRun(100, f); (n == 0) != (i < 2) {
			t.Errorf("%v allocations for type %d", n, i+3)
		}
	}
}
