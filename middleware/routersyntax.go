package middleware

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/cognitogate/cognitogate/matcher"
)

// A routerSegment is a whole segment of a pattern that is a parameter or a wildcard for
// chi or for net/http's ServeMux: {id}, {id:[0-9]+}, {path...}, {$}, or *.
type routerSegment struct {
	start, end       int // in the pattern
	name, expression string
}

// routerSyntax looks for segments in the syntax of a router. For Next.js, {id} is a
// group whose text stands for itself, so that the pattern would protect nothing. err is
// not nil if there is such a segment in braces. advice is the pattern to write instead,
// also if only a * is wrong. It is empty if nothing is.
func routerSyntax(source string) (err *matcher.SyntaxError, advice string) {
	segments := routerSegments(source)
	if segments == nil {
		return nil, ""
	}
	for _, s := range segments {
		if s.name != "*" {
			text := source[s.start:s.end]
			err = &matcher.SyntaxError{Source: source, Offset: s.start, Msg: text + " is a router's syntax, and stands for its own text here"}
			break
		}
	}
	advice = rewriteSegments(source, segments, true)
	if _, e := matcher.Compile(advice); e != nil { // RE2 is not JavaScript
		advice = rewriteSegments(source, segments, false)
	}
	return err, advice
}

// routerSegments finds the segments outside of regular expressions.
func routerSegments(source string) (segments []routerSegment) {
	depth := 0 // of parentheses
	for i := 0; i < len(source); i++ {
		switch source[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		case '/':
			if s, ok := routerSegmentAt(source, i+1); ok && depth == 0 {
				segments = append(segments, s)
				i = s.end - 1
			}
		}
	}
	return segments
}

// routerSegmentAt reads the segment that begins at start.
func routerSegmentAt(source string, start int) (s routerSegment, ok bool) {
	s = routerSegment{start: start, end: start + 1}
	switch {
	case strings.HasPrefix(source[start:], "*"):
		s.name = "*"
	case strings.HasPrefix(source[start:], "{"):
		depth := 0
		end := strings.IndexFunc(source[start:], func(r rune) bool { // as chi does
			switch r {
			case '{':
				depth++
			case '}':
				depth--
			}
			return depth == 0
		})
		if end < 0 {
			return s, false
		}
		s.end = start + end + 1
		s.name, s.expression, _ = strings.Cut(source[start+1:s.end-1], ":")
		if s.name == "" || strings.ContainsAny(s.name, `{}()*+?\/`) {
			return s, false // a group of Next.js
		}
	default:
		return s, false
	}
	return s, s.end == len(source) || source[s.end] == '/'
}

// rewriteSegments returns the pattern with the segments in Next.js's syntax.
func rewriteSegments(source string, segments []routerSegment, expressions bool) string {
	var b strings.Builder
	end := 0
	for _, s := range segments {
		b.WriteString(source[end:s.start])
		b.WriteString(s.rewritten(expressions))
		end = s.end
	}
	b.WriteString(source[end:])
	return b.String()
}

func (s *routerSegment) rewritten(expression bool) string {
	name, isRest := strings.CutSuffix(s.name, "...")
	switch {
	case s.name == "*":
		return ":path*"
	case s.name == "$": // ServeMux: the path ends here
		return ""
	}
	name = ":" + strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_' // no character of a name in Next.js
	}, name)
	switch regexp := strings.TrimSuffix(strings.TrimPrefix(s.expression, "^"), "$"); {
	case isRest:
		return name + "*"
	case expression && regexp != "":
		return name + "(" + regexp + ")"
	}
	return name
}

// textGroup is a {group} of mere text that is neither optional nor repeated. In a
// pattern of Next.js it serves nothing.
var textGroup = regexp.MustCompile(`\{[^{}:()\\]+\}`)

// pathOfGroups returns the path that somebody may have meant with groups such as those
// in "/{year}-{month}". ok is false if the pattern is not one of text and such groups.
func pathOfGroups(source string) (path string, ok bool) {
	path = textGroup.ReplaceAllString(source, "x")
	return path, path != source && !strings.ContainsAny(path, `:(){}*+?\`)
}
