package tokens_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/tokens"
)

// FuzzJSONMembers compares the scanner with encoding/json. It accepts exactly the JSON
// objects in valid UTF-8 with at most 16 levels and no duplicate names, and finds the
// same names and values.
func FuzzJSONMembers(f *testing.F) {
	for _, fg := range forgeries() {
		d := newDraft(tokens.Access, goldenNow)
		fg.forge(d)
		d.token()
		for _, text := range append(d.text[:], "{"+strings.Join(d.header, ",")+"}", "{"+strings.Join(d.claims, ",")+"}") {
			if len(text) < 2000 {
				f.Add(text)
			}
		}
	}
	for _, text := range []string{
		`{"a":"\ud83d\ude00","\ud83d":"\ude00\ud83d","\ud83dx":"\ud83d\u0041"}`, `{"\ud83d\ud83d\ude00":1}`, `{"\/\b\f\n\r\t\"\\":"\u2028"}`,
		`{"a":[1,-0,0.5e+7,1E-2,true,false,null,{},[],""],"b":{"b":{"b":1,"b":2}}}`, `{"a":-}`, `{"a":00}`, `{"a":1e}`, `{"":""}`, `{"a":"` + "\x7f" + `"}`,
		`{"a":` + nest(15) + `}`, `{"a":` + nest(16) + `}`, `{"a":` + strings.Repeat(`{"a":`, 16) + `1` + strings.Repeat(`}`, 17), `{` + many(40) + `}`, `{` + many(40) + `,"m7":0}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := tokens.JSONMembers(text)
		want, ok := membersByStdlib(text)
		if (err == nil) != ok {
			t.Fatalf("%q: %v, and encoding/json accepts: %t", text, err, ok)
		}
		if !ok {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q has members %q, want %q", text, got, want)
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%q: member %q is %q, want %q", text, name, got[name], value)
			}
			checkString(t, value)
		}
	})
}

// checkString compares how both decode strings and arrays of strings.
func checkString(t *testing.T, value string) {
	t.Helper()
	var want string
	isString := value != "null" && json.Unmarshal([]byte(value), &want) == nil
	if got, ok := tokens.Unquote(value); ok != isString || got != want {
		t.Errorf("%s is %q, %t, want %q, %t", value, got, ok, want, isString)
	}
	var list []*string
	isList := value != "null" && json.Unmarshal([]byte(value), &list) == nil
	for _, item := range list {
		isList = isList && item != nil
	}
	got, ok := tokens.Strings(value)
	if ok != isList || ok && len(got) != len(list) {
		t.Fatalf("%s is %q, %t, want %t", value, got, ok, isList)
	}
	for i := range got {
		if got[i] != *list[i] {
			t.Errorf("%s has %q, want %q", value, got[i], *list[i])
		}
	}
}

// membersByStdlib returns the members of a JSON object, read with encoding/json.
func membersByStdlib(text string) (map[string]string, bool) {
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	first, _ := decoder.Token()
	if first != json.Delim('{') {
		return nil, false
	}
	all := make(map[string]string)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, false
		}
		if _, duplicate := all[name.(string)]; duplicate {
			return nil, false
		}
		all[name.(string)] = string(value)
	}
	depth, deepest := 0, 0
	decoder = json.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil {
			return all, deepest <= 16
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}
