package middleware

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/configerr"
	"github.com/cognitogate/cognitogate/matcher"
)

// configureMatcher compiles Matcher and Rules.
func (a *Auth) configureMatcher(configErrors *configerr.List) {
	a.rules = slices.Concat(matcher.Paths(a.cfg.Matcher...), a.cfg.Rules)
	for i, kind := range a.cfg.ClientConditions {
		if !slices.Contains(conditionTypes, kind) {
			configErrors.Add(fmt.Sprintf("ClientConditions[%d]", i), "%q is not header, cookie, query or host", kind)
		}
	}
	switch {
	case a.cfg.Matcher == nil && a.cfg.Rules == nil:
		return
	case len(a.rules) == 0:
		configErrors.Add("Matcher", "is empty, which would protect nothing; leave it nil to protect every path")
		return
	}
	var mistakes []error // each a *matcher.RuleError, in the order of the rules
	var err error
	if a.matcher, err = matcher.New(a.rules...); err != nil {
		mistakes = err.(interface{ Unwrap() []error }).Unwrap()
	}
	for i, rule := range a.rules {
		field := fmt.Sprintf("Matcher[%d]", i)
		if i >= len(a.cfg.Matcher) {
			field = fmt.Sprintf("Rules[%d]", i-len(a.cfg.Matcher))
		}
		var ofRule []error
		for len(mistakes) > 0 && mistakes[0].(*matcher.RuleError).Index == i {
			ofRule = append(ofRule, mistakes[0].(*matcher.RuleError).Err)
			mistakes = mistakes[1:]
		}
		addSourceErrors(configErrors, field, rule.Source, ofRule)
		a.addClientConditionErrors(configErrors, field, rule)
	}
	if a.matcher != nil && a.selectsNothing() {
		configErrors.Add("Matcher", "%q selects no path, which would protect nothing: look for an empty alternative, as in (?!api|)", a.rules[0].Source)
	}
	a.setInclusions()
}

// selectsNothing reports whether no path matches any pattern. Nobody means that. It is a bar
// too many, as in "/((?!api|).*)", and opens the whole site.
func (a *Auth) selectsNothing() bool {
	for i := range a.rules {
		if empty, err := a.matcher.Pattern(i).Machine().Empty(); err != nil || !empty {
			return false
		}
	}
	return true
}

// addSourceErrors adds the mistakes that matcher.New has found in a rule, and the
// segments of its pattern that are another router's syntax.
func addSourceErrors(configErrors *configerr.List, field, source string, mistakes []error) {
	syntaxErr, advice := routerSyntax(source)
	if syntaxErr != nil {
		configErrors.Add(field, "%w: write %q", syntaxErr, advice)
	}
	for _, err := range mistakes {
		_, inSource := err.(*matcher.SyntaxError) // its text has the pattern
		switch {
		case !inSource:
			configErrors.Add(field, "%q: %w", source, err)
		case syntaxErr != nil: // reported already
		case advice != "":
			configErrors.Add(field, "%w: write %q", err, advice)
		default:
			configErrors.Add(field, "%w", err)
		}
	}
}

// conditionTypes are the types of a matcher.Condition.
var conditionTypes = []string{"header", "cookie", "query", "host"}

// addClientConditionErrors adds a mistake for each type of condition in a rule that
// ClientConditions does not name. In Next.js a rule decides where a middleware runs.
// Here it decides about access, and a client could switch the guard off.
func (a *Auth) addClientConditionErrors(configErrors *configerr.List, field string, rule matcher.Rule) {
	for _, kind := range conditionTypes {
		ofKind := func(c matcher.Condition) bool { return c.Type == kind }
		if slices.Contains(a.cfg.ClientConditions, kind) || !slices.ContainsFunc(slices.Concat(rule.Has, rule.Missing), ofKind) {
			continue
		}
		meant := "if that is meant"
		if kind == "host" {
			meant = "if a server in front lets only your hosts through"
		}
		configErrors.Add(field, "%q: the client chooses the %s that this rule asks for, and so whether the rule protects: add %q to ClientConditions %s", rule.Source, kind, kind, meant)
	}
}

// ruleFindings lists what is surprising about the rules with conditions, and about
// groups that look like a router's parameters.
func (a *Auth) ruleFindings() (found []Finding) {
	for i, rule := range a.rules {
		var chosen []string
		for _, c := range slices.Concat(rule.Has, rule.Missing) {
			if name := strings.TrimSpace(c.Type + " " + c.Key); !slices.Contains(chosen, name) {
				chosen = append(chosen, name)
			}
		}
		if chosen != nil {
			found = append(found, Finding{Source: rule.Source, Msg: "the client chooses whether this rule protects, by its " + strings.Join(chosen, ", ")})
		}
		if path, ok := pathOfGroups(rule.Source); ok && !a.matcher.Pattern(i).Match(path) {
			found = append(found, Finding{rule.Source, path, "braces are no parameter, their text stands for itself; a parameter is :name"})
		}
	}
	return found
}
