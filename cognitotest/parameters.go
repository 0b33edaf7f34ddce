package cognitotest

import (
	"fmt"
	"regexp"
	"strings"
)

// parameterPattern is what the API reference of Cognito says of a parameter.
type parameterPattern struct {
	member  string
	value   func(*apiInput) string
	max     int // characters; 0 for no limit
	pattern string
	regexp  *regexp.Regexp
}

const tokenPattern = `[A-Za-z0-9-_=.]+`

var parameterPatterns = []parameterPattern{
	newParameterPattern("accessToken", func(in *apiInput) string { return in.AccessToken }, 0, tokenPattern),
	newParameterPattern("refreshToken", func(in *apiInput) string { return in.RefreshToken }, 0, tokenPattern),
	newParameterPattern("token", func(in *apiInput) string { return in.Token }, 0, tokenPattern),
	newParameterPattern("deviceKey", func(in *apiInput) string { return in.DeviceKey }, 55, `[\w-]+_[0-9a-f-]+`),
}

func newParameterPattern(member string, value func(*apiInput) string, maxLength int, pattern string) parameterPattern {
	return parameterPattern{member, value, maxLength, pattern, regexp.MustCompile(`\A(?:` + pattern + `)\z`)}
}

// validate returns Cognito's error for members that are not as the API reference says.
// It quotes them, as Cognito does. Absent members are not its concern.
func (in *apiInput) validate() error {
	var wrong []string
	for _, p := range parameterPatterns {
		value := p.value(in)
		if value == "" {
			continue
		}
		if !p.regexp.MatchString(value) {
			wrong = append(wrong, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", value, p.member, p.pattern))
		}
		if p.max > 0 && len(value) > p.max {
			wrong = append(wrong, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", value, p.member, p.max))
		}
	}
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return apiErrorf("InvalidParameterException", "1 validation error detected: %s", wrong[0])
	}
	return apiErrorf("InvalidParameterException", "%d validation errors detected: %s", len(wrong), strings.Join(wrong, "; "))
}
