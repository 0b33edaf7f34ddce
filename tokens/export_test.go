package tokens

// ParseKeySet reads a JWK Set as RemoteKeySet does.
func ParseKeySet(text []byte) (StaticKeySet, error) {
	keys, err := parseKeySet(text)
	set := make(StaticKeySet, len(keys))
	for kid, key := range keys {
		set[kid] = key
	}
	return set, err
}

// JSONMembers returns the values of a JSON object's members by name.
func JSONMembers(text string) (map[string]string, error) {
	members, err := appendJSONMembers(nil, text)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(members))
	for _, m := range members {
		all[m.name] = m.value
	}
	return all, nil
}

// Unquote decodes a member's value if it is a string.
func Unquote(value string) (string, bool) { return unquote(value) }

// Strings decodes a member's value if it is an array of strings.
func Strings(value string) (list []string, ok bool) {
	ok = eachString(value, func(item string) { list = append(list, item) })
	return list, ok && eachString(value, nil)
}
