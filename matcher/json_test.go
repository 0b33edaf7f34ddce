package matcher_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

func TestRulesUnmarshalWhatNextAccepts(t *testing.T) {
	for _, tt := range []struct {
		config string
		want   matcher.Rules
	}{
		{`"/a"`, matcher.Rules{{Source: "/a"}}},
		{`[]`, matcher.Rules{}},
		{` [ "/a" , { "source" : "/b" , "locale" : false } ] `, matcher.Rules{{Source: "/a"}, {Source: "/b"}}},
		{
			`[{"source": "/\u00e9", "has": [{"type": "host", "value": "x"}], "missing": [{"type": "query", "key": ""}]}]`,
			matcher.Rules{{
				Source:  "/é",
				Has:     []matcher.Condition{{Type: "host", Value: "x"}},
				Missing: []matcher.Condition{{Type: "query"}},
			}},
		},
		{`[{"source": "/a", "has": [], "missing": []}]`, matcher.Rules{{Source: "/a", Has: []matcher.Condition{}, Missing: []matcher.Condition{}}}},
	} {
		var got matcher.Rules
		if err := json.Unmarshal([]byte(tt.config), &got); err != nil {
			t.Errorf("%s: %v", tt.config, err)
		} else if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.config, got, tt.want)
		}
	}
}

func TestRulesNameTheRuleOfAMistake(t *testing.T) {
	for config, want := range map[string]string{
		`{"source": "/a"}`:                    "a matcher must be a string or an array",
		`null`:                                "a matcher must be a string or an array",
		`5`:                                   "a matcher must be a string or an array",
		`["/a", 5]`:                           `rule 2 (""): must be a string or an object`,
		`["/a", null]`:                        `rule 2 (""): must be a string or an object`,
		`[["/a"]]`:                            `rule 1 (""): must be a string or an object`,
		`[{"has": []}]`:                       `rule 1 (""): source is required`,
		`[{"source": null}]`:                  `rule 1 (""): source must be a string`,
		`[{"source": 5}]`:                     `rule 1 (""): source must be a string`,
		`[{"Source": "/a"}]`:                  `rule 1 (""): source is required` + "\n" + `rule 1 (""): "Source" is not a key of a rule`,
		`[{"source": "/a", "x": 1}]`:          `rule 1 ("/a"): "x" is not a key of a rule`,
		`[{"source": "/a", "locale": true}]`:  `rule 1 ("/a"): locale can only be false`,
		`[{"source": "/a", "locale": null}]`:  `rule 1 ("/a"): locale can only be false`,
		`[{"source": "/a", "has": {}}]`:       `rule 1 ("/a"): has must be an array`,
		`[{"source": "/a", "missing": null}]`: `rule 1 ("/a"): missing must be an array`,
		`[{"source": "/a", "has": ["a"]}]`:    `rule 1 ("/a"): has[0]: must be an object`,
		`[{"source": "/a", "has": [{"type": "cookie", "key": "a", "value": 1}]}]`:      `rule 1 ("/a"): has[0]: value must be a string`,
		`[{"source": "/a", "has": [{"type": "cookie", "key": "a", "Value": "1"}]}]`:    `rule 1 ("/a"): has[0]: "Value" is not a key of a condition`,
		`[{"source": "/a", "has": [{"type": "header"}, {"type": "host", "key": ""}]}]`: `rule 1 ("/a"): has[0]: key is required for header, query and cookie` + "\n" + `rule 1 ("/a"): has[1]: host has no key`,
		`["/a", {}, {"source": "/b", "z": 1}]`:                                         `rule 2 (""): source is required` + "\n" + `rule 3 ("/b"): "z" is not a key of a rule`,
	} {
		rules := matcher.Rules{{Source: "/kept"}}
		err := json.Unmarshal([]byte(config), &rules)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", config, err, want)
		}
		if len(rules) != 1 {
			t.Errorf("%s: an invalid matcher changed the rules to %+v", config, rules)
		}
	}
}

func TestRuleUnmarshalsAlone(t *testing.T) {
	var rule matcher.Rule
	if err := json.Unmarshal([]byte(`"/a"`), &rule); err != nil || rule.Source != "/a" {
		t.Errorf("%+v, %v", rule, err)
	}
	err := json.Unmarshal([]byte(`{"source": "/b", "x": 1}`), &rule)
	if want := `rule "/b": "x" is not a key of a rule`; err == nil || err.Error() != want || rule.Source != "/a" {
		t.Errorf("%+v, %v", rule, err)
	}
	for _, notJSON := range []string{"", " ", "{", "[", `"`, "nul", "\xff"} {
		var rules matcher.Rules
		if rule.UnmarshalJSON([]byte(notJSON)) == nil || rules.UnmarshalJSON([]byte(notJSON)) == nil {
			t.Errorf("%q is accepted", notJSON)
		}
	}
}
