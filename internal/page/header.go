package page

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// header reads by canonical names, and saves http.Header.Get's canonicalisation.
type header map[string][]string

func (h header) get(canonical string) string {
	if v := h[canonical]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// elements returns the elements of a list (RFC 9110 §5.6.1), which may have several
// lines.
func (h header) elements(canonical string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range h[canonical] {
			for element := range strings.SplitSeq(line, ",") {
				if element = strings.Trim(element, " \t"); element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// accepts reports whether Accept names a media type, and does not refuse it by a weight
// of zero (RFC 9110 §12.4.2).
func (h header) accepts(mediaType string) bool {
	for element := range h.elements("Accept") {
		name, parameters, _ := strings.Cut(element, ";")
		if strings.EqualFold(strings.TrimRight(name, " \t"), mediaType) && !isRefused(parameters) {
			return true
		}
	}
	return false
}

// acceptsAnything reports whether Accept is "*/*", with or without a weight, or absent.
func (h header) acceptsAnything() bool {
	for element := range h.elements("Accept") {
		if name, _, _ := strings.Cut(element, ";"); strings.TrimRight(name, " \t") != "*/*" {
			return false
		}
	}
	return true
}

// isRefused reports whether the parameters of a media type have a weight of zero.
func isRefused(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.Trim(parameter, " \t"), "=")
		if strings.EqualFold(name, "q") {
			weight, err := strconv.ParseFloat(value, 64)
			return err == nil && weight == 0
		}
	}
	return false
}

// isForm reports whether Content-Type is one that a browser's form has (HTML, form
// submission).
func (h header) isForm() bool {
	mediaType, _, _ := strings.Cut(h.get("Content-Type"), ";")
	switch strings.ToLower(strings.Trim(mediaType, " \t")) {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return false
}

// IsHTMX reports whether htmx sent r. It follows HX-Redirect instead of Location.
func IsHTMX(r *http.Request) bool {
	return header(r.Header).get("Hx-Request") == "true"
}
