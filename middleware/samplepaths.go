package middleware

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/matcher"
)

// samplePaths returns paths of a route for Audit to ask about. For each value of each
// parameter there are two: one in which the other parameters have a plain word, and
// one in which all parameters have that value.
func (audit *routeAudit) samplePaths(route auditedRoute) []string {
	params := routeParam.FindAllStringIndex(route.pattern, -1)
	if len(params) == 0 {
		return audit.addWithoutSlash(route.method, []string{route.pattern})
	}
	var texts []string // before each parameter
	var values [][]string
	end := 0
	for _, at := range params {
		texts = append(texts, route.pattern[end:at[0]])
		values = append(values, fittingValues(route.pattern[at[0]:at[1]], audit.values))
		end = at[1]
	}
	// fill gives each parameter the value with the index that valueOf returns.
	fill := func(valueOf func(param int) int) string {
		var b strings.Builder
		for param, v := range values {
			b.WriteString(texts[param])
			b.WriteString(v[valueOf(param)])
		}
		return b.String() + route.pattern[end:]
	}
	var paths []string
	for param := range values {
		for i := range values[param] {
			oneParam := func(p int) int {
				if p == param {
					return i
				}
				return 0
			}
			allParams := func(p int) int { return min(i, len(values[p])-1) }
			paths = append(paths, fill(oneParam), fill(allParams))
		}
	}
	for _, p := range audit.auth.exempt {
		if audit.root.Find(chi.NewRouteContext(), route.method, p) == route.pattern {
			paths = append(paths, p)
		}
	}
	return audit.addWithoutSlash(route.method, paths)
}

// addWithoutSlash adds the paths without the slash at their end that the router serves
// too, as it does for mounts.
func (audit *routeAudit) addWithoutSlash(method string, paths []string) []string {
	for _, p := range paths {
		if bare := strings.TrimSuffix(p, "/"); bare != p && bare != "" && audit.root.Match(chi.NewRouteContext(), method, bare) {
			paths = append(paths, bare)
		}
	}
	return paths
}

// routeParam is a parameter of a chi route: {id}, {id:[0-9]+}, or the * at the end.
var routeParam = regexp.MustCompile(`\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\*`)

// patternWord is a word that a pattern may exclude: "api", "favicon.ico",
// "_next/static".
var patternWord = regexp.MustCompile(`[\w-]+(?:[./][\w-]+)*`)

// sampleValues returns values for parameters: a word, a number, a name with a dot,
// which exclusions often let through, and combinations of the words in the patterns.
// The values with a slash, and the empty one, are for a * only.
func sampleValues(patterns []*matcher.Pattern) []string {
	values := []string{"x", "1", "x.y", "", "x/y", "x/y.z"}
	for _, pattern := range patterns {
		for _, words := range patternWord.FindAllString(strings.ReplaceAll(pattern.String(), `\`, ""), -1) {
			parts := strings.FieldsFunc(words, func(r rune) bool { return r == '.' || r == '/' })
			for _, word := range append(parts, words) {
				for _, value := range []string{word, "x." + word, word + ".x", word + "x", "x" + word, word + "/x", "x/" + word, "x/x." + word} {
					if !slices.Contains(values, value) {
						values = append(values, value)
					}
				}
			}
		}
	}
	return values
}

// fittingValues returns the values that a parameter accepts. It returns all if none
// fits, because then there is nothing better to ask about.
func fittingValues(param string, values []string) []string {
	if param == "*" {
		return values
	}
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" || strings.Contains(v, "/") })
	_, expression, ok := strings.Cut(param[1:len(param)-1], ":")
	if !ok || expression == "" {
		return values
	}
	// chi anchors it in the same way.
	if expression[0] != '^' {
		expression = "^" + expression
	}
	if expression[len(expression)-1] != '$' {
		expression += "$"
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return values // chi accepts no such route
	}
	fitting := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !re.MatchString(v) })
	if len(fitting) == 0 {
		return values
	}
	return fitting
}
