// Package redact removes secrets from texts that quote what was sent.
package redact

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// minSecret is the length of the shortest text that counts as a secret. No credential is
// shorter, and to replace every "a" would garble the text.
const minSecret = 4

// Text replaces each secret in text by "…". It also finds a secret that is quoted as Go,
// JSON, HTML, a URL or hexadecimal digits write it.
func Text(text string, secrets ...string) string {
	var forms []string
	for _, secret := range secrets {
		if len(secret) < minSecret || len(secret) > len(text) { // no form of it is shorter
			continue
		}
		// Twice: a body in JSON, for example, may be quoted as Go writes it.
		for _, form := range formsOf(secret) {
			forms = append(forms, formsOf(form)...)
		}
	}
	// The longest first: one form may be a part of another.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, form := range slices.Compact(forms) {
		text = strings.ReplaceAll(text, form, "…")
	}
	return text
}

// Error returns err if its text quotes no secret. Otherwise it returns an error with the
// rest of the text, which wraps nothing but an end of the context.
func Error(err error, secrets ...string) error {
	text := Text(err.Error(), secrets...)
	if text == err.Error() {
		return err
	}
	e := &redactedError{text: text}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			e.end = end
		}
	}
	return e
}

type redactedError struct {
	text string
	end  error // or nil
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.end }

// formsOf returns the ways to write a secret, itself among them.
func formsOf(secret string) []string {
	digits := hex.EncodeToString([]byte(secret))
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
		digits, strings.ToUpper(digits),
		unquoted(strconv.Quote(secret)), unquoted(strconv.QuoteToASCII(secret)),
	}
	if text, err := json.Marshal(secret); err == nil {
		forms = append(forms, unquoted(string(text)))
	}
	return forms
}

func unquoted(quoted string) string { return quoted[1 : len(quoted)-1] }
