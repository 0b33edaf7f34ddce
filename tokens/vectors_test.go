package tokens_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

var update = flag.Bool("update", false, "write testdata/tokens")

const vectorDir = "../testdata/tokens"

// vector is a token and the result of verifying it. The files of vectors are for all
// packages, and for other verifiers.
type vector struct {
	Name   string        `json:"name"`
	Reason tokens.Reason `json:"reason"` // empty if the token is good
	Use    tokens.Use    `json:"use"`
	Now    int64         `json:"now,omitempty"`
	Pool   *vectorPool   `json:"pool,omitempty"`
	Keys   *vectorKeys   `json:"keys,omitempty"`
	Token  string        `json:"token"`

	Audience []string `json:"audience,omitempty"` // of the verifier
}

type vectorPool struct {
	ID       string `json:"userPoolId"`
	ClientID string `json:"clientId"`
}

type vectorKeys struct {
	Keys []json.RawMessage `json:"keys"`
}

// minimalVectors has one vector for every Reason, of a token with no other fault.
func minimalVectors() map[string]vector {
	fresh, old := goldenNow.Add(time.Hour), goldenNow.Add(-time.Second)
	access := func(edit func(*draft)) string {
		d := newDraft(tokens.Access, fresh)
		edit(d)
		return d.token()
	}
	vectors := map[string]vector{
		"good":                      {Name: "nothing is wrong", Token: access(func(*draft) {})},
		string(tokens.Malformed):    {Name: "no subject", Token: access(claim("sub"))},
		string(tokens.BadAlgorithm): {Name: "RS512 by the right key", Token: access(alg("RS512", pkcs1(crypto.SHA512)))},
		string(tokens.UnknownKey):   {Name: "a kid that is not in the key set", Token: access(header("kid", `"kid":"golden-b-access-1="`))},
		string(tokens.BadSignature): {Name: "signed by another key", Token: access(func(d *draft) { d.sign = rs256(rogueKey()) })},
		string(tokens.BadIssuer): {Name: "another pool's", Token: access(
			claim("iss", `"iss":"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_GoldenB02"`))},
		string(tokens.BadClient): {Name: "another app client's", Token: access(claim("client_id", `"client_id":"2goldenapp3456789012345678"`))},
		string(tokens.BadUse):    {Name: "an ID token", Token: newDraft(tokens.ID, fresh).token()},
		string(tokens.BadAudience): {Name: "bound to another resource", Audience: []string{"https://api.example.com"},
			Token: access(claim("aud", `"aud":"https://other.example.com"`))},
		string(tokens.NotYetValid): {Name: "nbf in an hour", Token: access(claim("nbf", `"nbf":1790003600`))},
		string(tokens.Expired):     {Name: "exp a second ago", Token: newDraft(tokens.Access, old).token()},
	}
	for name, v := range vectors {
		v.Use = tokens.Access
		if name != "good" {
			v.Reason = tokens.Reason(name)
		}
		v.addConfig()
		vectors[name] = v
	}
	return vectors
}

// addConfig adds the time, user pool and keys to verify a vector with.
func (v *vector) addConfig() {
	v.Now = goldenNow.Unix()
	v.Pool = &vectorPool{goldenUserPool.ID, goldenUserPool.ClientID}
	v.Keys = &vectorKeys{[]json.RawMessage{json.RawMessage(accessKey().jwk), json.RawMessage(idKey().jwk)}}
}

// forgeryVectors returns every forgery, fresh and expired.
func forgeryVectors() []vector {
	var all []vector
	for _, f := range forgeries() {
		for age, exp := range map[string]time.Time{"fresh": goldenNow.Add(time.Hour), "expired": goldenNow.Add(-time.Hour)} {
			d := newDraft(tokens.Access, exp)
			f.forge(d)
			v := vector{Name: f.name + ", " + age, Use: tokens.Access, Reason: f.reason, Token: d.token()}
			if len(v.Token) < 2000 && roundTrips(v) {
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, func(a, b vector) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// roundTrips reports whether JSON can hold the token. It cannot if the token is not
// UTF-8.
func roundTrips(v vector) bool {
	var w vector
	return json.Unmarshal(jsonOf(v), &w) == nil && w.Token == v.Token
}

func jsonOf(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestVectorFiles checks the files of vectors, or writes them with -update.
func TestVectorFiles(t *testing.T) {
	if !*update {
		longtest.Only(t) // it signs all forgeries anew
	}
	files := map[string][]byte{"forgeries.json": jsonOf(struct {
		About string      `json:"about"`
		Now   int64       `json:"now"`
		Pool  *vectorPool `json:"pool"`
		Keys  *vectorKeys `json:"keys"`
		Table []vector    `json:"vectors"`
	}{
		About: "Tokens that a verifier must refuse, with the reason that it must give. Made by go test ./tokens -update from the test keys in ../amplify/keys.json.",
		Now:   minimalVectors()["good"].Now, Pool: minimalVectors()["good"].Pool, Keys: minimalVectors()["good"].Keys,
		Table: forgeryVectors(),
	})}
	files["keysets.json"] = jsonOf(struct {
		About   string         `json:"about"`
		Vectors []keySetVector `json:"vectors"`
	}{"JWK Sets, and which of their keys may verify tokens. Made by go test ./tokens -update.", keySetVectors()})
	for name, v := range minimalVectors() {
		files[name+".json"] = jsonOf(v)
	}
	if *update {
		if err := os.MkdirAll(vectorDir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range files {
		path := filepath.Join(vectorDir, name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what go test ./tokens -update writes: %v", name, err)
		}
	}
}

// TestEveryReasonHasAVector finds the Reason constants in the source, so that none is
// forgotten. It verifies the vectors with the contents of their files only.
func TestEveryReasonHasAVector(t *testing.T) {
	constants := declaredReasons(t)
	slices.Sort(constants)
	listed := slices.Clone(reasons)
	slices.Sort(listed)
	if !slices.Equal(constants, listed) {
		t.Errorf("the constants are %q, these tests know %q", constants, listed)
	}
	for _, reason := range append(constants, "") {
		name := cmp.Or(string(reason), "good")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(vectorDir, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(text, &v); err != nil {
				t.Fatal(err)
			}
			if v.Reason != reason {
				t.Errorf("the file is about %q", v.Reason)
			}
			v.check(t)
		})
	}
}

// TestForgeryVectors verifies the forgeries in their file.
func TestForgeryVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(vectorDir, "forgeries.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		v.addConfig()
		v.check(t)
	}
	t.Logf("%d vectors", len(file.Vectors))
}

func (v *vector) check(t *testing.T) {
	t.Helper()
	keys, err := tokens.ParseKeySet(jsonOf(v.Keys))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := tokens.NewVerifier(tokens.UserPool{ID: v.Pool.ID, ClientID: v.Pool.ClientID},
		&tokens.Options{Keys: keys, Audience: v.Audience, Now: func() time.Time { return time.Unix(v.Now, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	token, err := verifier.Verify(context.Background(), v.Token, v.Use)
	if v.Reason != "" {
		checkRefusal(t, v.Name, v.Token, token, err, v.Reason)
	} else if err != nil {
		t.Errorf("%s: %v", v.Name, err)
	}
	if v.Reason == tokens.Expired {
		refusal := (*tokens.VerifyError)(nil)
		if errors.As(err, &refusal); refusal.Token.Raw() != v.Token || refusal.Token.Subject() == "" {
			t.Errorf("%s: the expired token is %v", v.Name, refusal.Token)
		}
	}
}

// declaredReasons reads the constants of type Reason from errors.go.
func declaredReasons(t *testing.T) (all []tokens.Reason) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil || strings.ToLower(text) != text {
				t.Errorf("%s is %s", spec.Names[0], text)
			}
			all = append(all, tokens.Reason(text))
		}
		return true
	})
	return all
}
