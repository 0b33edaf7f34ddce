package page

import (
	"fmt"
	"net/http"
	"strings"
)

// RuleNumber returns the number of the rule that decides about r, from 1.
func RuleNumber(r *http.Request, bearer bool) int {
	decides := firstRule(r, bearer)
	for i := range rules {
		if decides == &rules[i] {
			return i + 1
		}
	}
	return 0
}

// RuleCount is the number of rules.
const RuleCount = len(rules)

// RulesTable is the table of the rules in docs/navigation.md.
func RulesTable() string {
	var b strings.Builder
	b.WriteString("| | the request | without a session | may clear cookies |\n|---:|---|---|---|\n")
	for i, rule := range rules {
		answer, clears := "401", "no"
		if rule.navigates {
			answer = "sign-in page"
		}
		if rule.clears {
			clears = "yes"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i+1, rule.text, answer, clears)
	}
	return b.String()
}
