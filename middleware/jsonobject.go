package middleware

import (
	"encoding/json"
	"fmt"

	"github.com/cognitogate/cognitogate/internal/configerr"
)

// jsonObject is a JSON object whose members are read by name. A member of the wrong
// type is a mistake; one that is missing or null is the zero value.
type jsonObject struct {
	members      map[string]json.RawMessage
	path         string // before the names of members
	configErrors *configerr.List
}

func (o jsonObject) read(name string, v any, what string) {
	if raw, ok := o.members[name]; ok && json.Unmarshal(raw, v) != nil {
		o.configErrors.Add(o.path+name, "is not %s", what)
	}
}

func (o jsonObject) string(name string) (s string) {
	o.read(name, &s, "a string")
	return s
}

func (o jsonObject) bool(name string) (b bool) {
	o.read(name, &b, "true or false")
	return b
}

func (o jsonObject) strings(name string) (list []string) {
	const what = "a list of strings"
	var items []*string
	o.read(name, &items, what)
	for _, item := range items {
		if item == nil { // null
			o.configErrors.Add(o.path+name, "is not %s", what)
			return nil
		}
		list = append(list, *item)
	}
	return list
}

func (o jsonObject) sub(name string) jsonObject {
	sub := jsonObject{path: o.path + name + ".", configErrors: o.configErrors}
	o.read(name, &sub.members, "an object")
	return sub
}

func (o jsonObject) list(name string) (list []jsonObject) {
	var items []map[string]json.RawMessage
	o.read(name, &items, "a list of objects")
	for i, members := range items {
		list = append(list, jsonObject{members: members, path: fmt.Sprintf("%s%s[%d].", o.path, name, i), configErrors: o.configErrors})
	}
	return list
}
