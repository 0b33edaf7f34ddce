package repotest_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	linkPattern = regexp.MustCompile(`\]\(([^)\s]*)\)|^\[[^\]]+\]: (\S+)`)
	codeSpan    = regexp.MustCompile("`[^`]*`")
)

// goDocs is where the documentation of this module's packages is.
const goDocs = "https://pkg.go.dev/" + module

// TestLinks follows the relative links of all pages, and those to the documentation of our
// packages. It asks no network.
func TestLinks(t *testing.T) {
	for _, page := range markdownPages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range linksOf(string(text)) {
			if err := follow(page, link); err != nil {
				t.Errorf("%s links to %s: %v", page, link, err)
			}
		}
	}
}

// prose returns the lines of a page that are in no code block.
func prose(text string) (lines []string) {
	code := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		} else if !code {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// linksOf returns the targets of all links and pictures.
func linksOf(text string) (links []string) {
	for _, line := range prose(text) {
		for _, match := range linkPattern.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
			links = append(links, match[1]+match[2])
		}
	}
	return links
}

// follow reports what is wrong with a link of a page.
func follow(page, link string) error {
	target, fragment, _ := strings.Cut(link, "#")
	if pkg, ok := strings.CutPrefix(target, goDocs); ok {
		return followGoDocs(filepath.Join("../..", pkg), fragment)
	}
	if strings.Contains(target, ":") {
		return nil // another site
	}
	file := page
	if target != "" {
		file = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
	}
	if strings.HasPrefix(target, "/") || strings.HasPrefix(filepath.ToSlash(file), "../../..") {
		return fmt.Errorf("this is outside of the repository")
	}
	if _, err := os.Stat(file); err != nil || fragment == "" {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !anchorsOf(string(text))[fragment] {
		return fmt.Errorf("%s has no heading for #%s", path.Base(filepath.ToSlash(file)), fragment)
	}
	return nil
}

// anchorsOf returns the anchors that GitHub gives to headings.
func anchorsOf(text string) map[string]bool {
	anchors := make(map[string]bool)
	for _, line := range prose(text) {
		level := len(line) - len(strings.TrimLeft(line, "#"))
		if level == 0 || level > 6 || !strings.HasPrefix(line[level:], " ") {
			continue
		}
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(line[level:]))
		anchor := slug
		for n := 1; anchors[anchor]; n++ {
			anchor = fmt.Sprintf("%s-%d", slug, n)
		}
		anchors[anchor] = true
	}
	return anchors
}

// followGoDocs looks for a package, and for the identifier or example that a fragment
// names: "Config", "Auth.Routes", "example-Auth.Routes", "example-Config-Page".
func followGoDocs(dir, fragment string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no such package")
	}
	var pattern string
	if example, ok := strings.CutPrefix(fragment, "example-"); ok {
		example = strings.TrimPrefix(example, "package")
		// The last part may be a suffix, which begins with a small letter in the source.
		pattern = `(?mi)^func Example` + regexp.QuoteMeta(strings.NewReplacer("-", "_", ".", "_").Replace(example)) + `\(`
	} else if typ, method, ok := strings.Cut(fragment, "."); ok {
		pattern = `(?m)^func \(\w* ?\*?` + regexp.QuoteMeta(typ) + `\) ` + regexp.QuoteMeta(method) + `\(`
	} else {
		pattern = `(?m)^(func|type) ` + regexp.QuoteMeta(fragment) + `\b`
	}
	declared := regexp.MustCompile(pattern)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if fragment == "" || declared.Match(text) {
			return nil
		}
	}
	return fmt.Errorf("the package declares no %s", fragment)
}

func TestFollow(t *testing.T) {
	const page = "../../docs/layouts.md"
	for _, tt := range []struct {
		link string
		ok   bool
	}{
		{"proxies.md", true},
		{"proxies.md#nginx", true},
		{"#names-and-planted-cookies", true},
		{"../SECURITY.md", true},
		{"../internal/replicatest", true},
		{"https://example.com/nowhere", true},
		{goDocs + "appsync", true},
		{goDocs + "appsync#Client", true},
		{goDocs + "appsync#Client.Do", true},
		{goDocs + "appsync#example-Client.Do", true},
		{goDocs + "appsync#example-Client-Guests", true},

		{"nowhere.md", false},
		{"proxies.md#apache", false},
		{"#Names-and-planted-cookies", false},
		{"docs/proxies.md", false},
		{"../../elsewhere", false},
		{"/docs/proxies.md", false},
		{goDocs + "nowhere", false},
		{goDocs + "appsync#Nothing", false},
		{goDocs + "appsync#Client.Nothing", false},
		{goDocs + "appsync#example-Nothing", false},
	} {
		if err := follow(page, tt.link); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.link, err)
		}
	}
	text := "[a](b) and ![c](d#e), not `[f](g)`\n```\n[h](i)\n```\n[j]: k\n"
	if got := fmt.Sprint(linksOf(text)); got != "[b d#e k]" {
		t.Errorf("links %s", got)
	}
	anchors := anchorsOf("# A `b`, c_d – E\n## Same\n## Same\n#no heading\n```\n# code\n```\n")
	if want := map[string]bool{"a-b-c_d--e": true, "same": true, "same-1": true}; fmt.Sprint(anchors) != fmt.Sprint(want) {
		t.Errorf("anchors %v, want %v", anchors, want)
	}
}
