package middleware

import (
	"regexp"
	"strings"

	"github.com/cognitogate/cognitogate/matcher"
)

// Finding is a property of a matcher pattern that its author may not have meant.
type Finding struct {
	Source string // the pattern
	Path   string // the path that shows it: the pattern does not select it; empty for conditions
	Msg    string
}

// Findings lists what is surprising about the patterns of the matcher, each with a
// path that shows it. A finding need not be a mistake: Next.js reads the pattern in
// the same way, and New does not warn of it. Every rule with conditions is a finding.
func (a *Auth) Findings() []Finding {
	var found []Finding
	for _, p := range a.unconditionalPatterns() {
		found = append(found, patternFindings(p)...)
	}
	return append(found, a.ruleFindings()...)
}

// negativeLookahead finds the alternatives of a negative lookahead.
var negativeLookahead = regexp.MustCompile(`\(\?!((?:[^()]|\([^()]*\))*)\)`)

// patternFindings guesses surprising paths from a pattern's text and asks the pattern
// about each.
func patternFindings(p *matcher.Pattern) (found []Finding) {
	source := p.String()
	add := func(path, msg string) {
		found = append(found, Finding{source, path, msg})
	}
	for _, m := range negativeLookahead.FindAllStringSubmatchIndex(source, -1) {
		before := source[:m[0]]
		if strings.ContainsAny(strings.TrimRight(before, "("), `(){}:*+?\`) {
			continue // no plain path stands before it
		}
		before = strings.TrimRight(before, "(")
		for word := range strings.SplitSeq(source[m[2]:m[3]], "|") {
			word = strings.TrimSuffix(word, "$")
			if word == "" || strings.HasSuffix(word, "/") || regexp.QuoteMeta(word) != strings.ReplaceAll(word, ".", `\.`) {
				continue // no plain word
			}
			if path := before + word; !p.Match(path) && !p.Match(path+"ary") && p.Match(before+"ary") {
				add(path+"ary", "leaving out "+path+" leaves out every path that begins like it")
			}
		}
	}
	if p.Match("/x/y") && p.Match("/x/yz") && !p.Match("/x/y.z") {
		add("/x/y.z", "every path with a dot is left out")
	}
	if hasNegativeLookaround(source) && p.Match("/x") && !p.Match("//x") {
		add("//x", "Protect guards every path that begins with two slashes, whatever the patterns say")
	}
	for _, tail := range []string{"/(.*)", "/(.+)", "/:path+", "/:slug+"} {
		if base, ok := strings.CutSuffix(source, tail); ok && base != "" && p.Match(base+"/x") && !p.Match(base) {
			add(base, "the pattern wants something after "+base+"/; "+base+"/:path* selects both")
		}
	}
	return found
}
