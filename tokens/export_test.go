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

// Members splits a JSON object into the names and the values of its members.
func Members(text string) (map[string]string, error) {
	ms, err := appendJSONMembers(nil, text)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(ms))
	for _, m := range ms {
		all[m.name] = m.value
	}
	return all, nil
}

// Unquote decodes the value of a member, if it is a string.
func Unquote(value string) (string, bool) { return unquote(value) }

// Strings decodes the value of a member, if it is an array of strings.
func Strings(value string) (list []string, ok bool) {
	ok = eachString(value, func(item string) { list = append(list, item) })
	return list, ok && eachString(value, nil)
}
