package middleware

import (
	"regexp"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/matcher"
	"github.com/cognitogate/cognitogate/session"
)

// Finding is a property of a matcher pattern, or of the Config, that its author may not
// have meant.
type Finding struct {
	Source string // the pattern, or the field of Config
	Path   string // the path that shows it: the pattern does not select it; empty for conditions
	Msg    string
}

// Findings lists what is surprising about the patterns of the matcher, each with a
// path that shows it. A finding need not be a mistake: Next.js reads the pattern in
// the same way, and New does not warn of it. Every rule with conditions is a finding. So are
// Config.Bearer without Config.Audience, Config.TakeOver, and sessions of
// session.LayoutSealed or session.LayoutHandle whose cookies another host can plant.
func (a *Auth) Findings() []Finding {
	found := a.layoutFindings()
	for _, p := range a.unconditionalPatterns() {
		found = append(found, patternFindings(p)...)
	}
	found = append(found, a.ruleFindings()...)
	return append(found, a.audienceFindings()...)
}

// layoutFindings says that only a name with __Host- keeps an attacker on a sibling
// subdomain from planting a session of his own.
func (a *Auth) layoutFindings() (found []Finding) {
	if before := a.cfg.TakeOver.Before; !before.IsZero() {
		found = append(found, Finding{Source: "TakeOver", Msg: "another host of this domain can plant a session of an attacker's own, from before " +
			before.UTC().Format(time.RFC3339) + ", in a browser that has not come back since: leave TakeOver out as soon as the users have"})
	}
	c := &a.cfg.Cookies
	if a.cfg.Layout != session.LayoutSealed && a.cfg.Layout != session.LayoutHandle || c.Domain == "" && (c.Path == "" || c.Path == "/") && !c.Insecure {
		return found
	}
	return append(found, Finding{Source: "Layout", Msg: "another host of this domain can plant a session of an attacker's own: " +
		"browsers refuse that only without Cookies.Domain, Cookies.Path and Cookies.Insecure"})
}

// negativeLookahead finds the alternatives of a negative lookahead.
var negativeLookahead = regexp.MustCompile(`\(\?!((?:[^()]|\([^()]*\))*)\)`)

// patternFindings reads a pattern's text for what may surprise, and finds paths that
// the pattern leaves out because of it.
func patternFindings(p *matcher.Pattern) (found []Finding) {
	source := p.String()
	add := func(path, msg string) {
		found = append(found, Finding{source, path, msg})
	}
	if empty, err := p.Machine().Empty(); err == nil && empty {
		add("/x", "the pattern selects no path")
		return found
	}
	for _, m := range negativeLookahead.FindAllStringSubmatchIndex(source, -1) {
		before := source[:m[0]]
		if strings.ContainsAny(strings.TrimRight(before, "("), `(){}:*+?\`) {
			continue // no plain path stands before it
		}
		before = strings.TrimRight(before, "(")
		for word := range strings.SplitSeq(source[m[2]:m[3]], "|") {
			word = strings.TrimSuffix(word, "$")
			plain := strings.ReplaceAll(word, `\.`, ".")
			if word == "" || strings.HasSuffix(word, "/") || regexp.QuoteMeta(plain) != strings.ReplaceAll(plain, ".", `\.`) {
				continue // no plain word
			}
			path := before + plain
			if p.Match(path) {
				continue
			}
			if other := leftOut(p, regexp.QuoteMeta(before)+word, path); other != "" {
				add(other, "the dot in "+word+" stands for any character")
			} else if longer := leftOut(p, regexp.QuoteMeta(path)+`[\w-]+`, path); longer != "" && p.Match(before+"ary") {
				add(longer, "leaving out "+path+" leaves out every path that begins like it")
			}
		}
	}
	if p.Match("/x/y") && p.Match("/x/yz") && !p.Match("/x/y.z") {
		add("/x/y.z", "every path with a dot is left out")
	}
	if hasNegativeLookaround(source) && p.Match("/x") && !p.Match("//x") {
		add("//x", "paths that begin with two slashes are left out, but Protect guards them: browsers take them for another host's; link to public pages with one slash")
	}
	for _, tail := range []string{"/(.*)", "/(.+)", "/:path+", "/:slug+"} {
		if base, ok := strings.CutSuffix(source, tail); ok && base != "" && p.Match(base+"/x") && !p.Match(base) {
			add(base, "the pattern wants something after "+base+"/; "+base+"/:path* selects both")
		}
	}
	return found
}

// leftOut returns the shortest plain path that an expression matches and the pattern
// does not, other than a given one. It returns "" if there is none.
func leftOut(p *matcher.Pattern, expression, other string) string {
	language, err := automaton.Compile("^" + expression + "$")
	if err != nil {
		return ""
	}
	if language, err = automaton.Intersection(language, plainPaths); err != nil {
		return ""
	}
	if language, err = automaton.Difference(language, p.Machine()); err != nil {
		return ""
	}
	for path := range language.Words() {
		if path != other {
			return path
		}
	}
	return ""
}
