package repotest_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const troubleshooting = "../../docs/troubleshooting.md"

// quotedCode is a text between backticks in a line of Markdown.
var quotedCode = regexp.MustCompile("`([^`\n]+)`")

// tableRows returns the first cells of the rows of the table below a heading.
func tableRows(t *testing.T, page, heading string) (cells []string) {
	t.Helper()
	_, section, ok := strings.Cut(page, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", troubleshooting, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| `") {
			cells = append(cells, quotedCode.FindStringSubmatch(line)[1])
		}
	}
	return cells
}

// stringConstants returns the values of the constants of a package whose names begin with a
// prefix.
func stringConstants(t *testing.T, imported types.Importer, path, prefix string) (values []string) {
	t.Helper()
	pkg, err := imported.Import(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && strings.HasPrefix(name, prefix) {
			values = append(values, constant.StringVal(c.Val()))
		}
	}
	return values
}

// TestTroubleshootingHasEveryReason compares the tables of reasons with the constants.
func TestTroubleshootingHasEveryReason(t *testing.T) {
	page := readFile(t, troubleshooting)
	imported := newImporter(t, token.NewFileSet(), module+"session", module+"middleware")
	reasons := stringConstants(t, imported, module+"session", "Reason")
	reasons = append(reasons, stringConstants(t, imported, module+"middleware", "Reason")...)
	failures := stringConstants(t, imported, module+"middleware", "Failure")
	compareLists(t, "Reasons", tableRows(t, page, "Reasons"), reasons)
	compareLists(t, "Failed sign-ins", tableRows(t, page, "Failed sign-ins"), failures)
}

// compareLists reports what one of two lists lacks.
func compareLists(t *testing.T, heading string, onPage, inCode []string) {
	t.Helper()
	for _, want := range inCode {
		if !slices.Contains(onPage, want) {
			t.Errorf("%s, %s: no row for %q", troubleshooting, heading, want)
		}
	}
	for i, got := range onPage {
		if !slices.Contains(inCode, got) {
			t.Errorf("%s, %s: nothing in the code says %q", troubleshooting, heading, got)
		}
		if slices.Contains(onPage[:i], got) {
			t.Errorf("%s, %s: two rows for %q", troubleshooting, heading, got)
		}
	}
}

// TestTroubleshootingHasEveryMessage compares the table of messages with those that the code
// logs, and looks for what the page quotes of look_at.
func TestTroubleshootingHasEveryMessage(t *testing.T) {
	page := readFile(t, troubleshooting)
	code := parseLogging(t)
	rows := tableRows(t, page, "Messages in the log")
	compareLists(t, "Messages in the log", rows, slices.Sorted(maps.Keys(code.messages)))

	_, section, _ := strings.Cut(page, "\n## Messages in the log\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, span := range quotedCode.FindAllStringSubmatch(cells[1], -1) {
			if !slices.ContainsFunc(code.literals, func(s string) bool { return strings.Contains(s, span[1]) }) {
				t.Errorf("%s: nothing in the code says %q", troubleshooting, span[1])
			}
		}
	}
}

// logging is what the code can write to a log.
type logging struct {
	messages map[string]bool
	literals []string
}

// loggingPackages are those whose messages the page explains.
var loggingPackages = []string{"tokens", "session", "session/internal/refresh", "middleware", "identity", "internal/background", "internal/outage"}

// logCalls are functions with the index of their message.
var logCalls = map[string]int{"Warn": 0, "Error": 0, "Info": 0, "Log": 2, "LogAttrs": 2, "logEvent": 2, "logLoop": 2}

func parseLogging(t *testing.T) logging {
	t.Helper()
	code := logging{messages: make(map[string]bool)}
	for _, pkg := range loggingPackages {
		files, err := filepath.Glob("../../" + pkg + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of %s: %v", pkg, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				code.parse(t, file)
			}
		}
	}
	return code
}

func (l *logging) parse(t *testing.T, file string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text := literal(n); text != "" {
				l.literals = append(l.literals, text)
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				l.addField(key.Name, literal(n.Value))
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if field, ok := left.(*ast.SelectorExpr); ok && len(n.Rhs) == len(n.Lhs) {
					l.addField(field.Sel.Name, literal(n.Rhs[i]))
				}
			}
		case *ast.CallExpr:
			l.addMessage(n)
		}
		return true
	})
}

// addField adds the messages of an outage.Log and of a background.Task, which have a field
// for them.
func (l *logging) addField(name, text string) {
	switch {
	case text == "":
	case name == "What":
		l.messages[text+" begins to fail"], l.messages[text+" works again"] = true, true
	case name == "Name":
		l.messages[text+" has panicked"] = true
	}
}

// addMessage adds the message of a call that logs one. A message that is made of parts counts
// with its first literal.
func (l *logging) addMessage(call *ast.CallExpr) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	index, ok := logCalls[selector.Sel.Name]
	if !ok || index >= len(call.Args) {
		return
	}
	message := call.Args[index]
	for {
		sum, ok := message.(*ast.BinaryExpr)
		if !ok {
			break
		}
		message = sum.X
	}
	text := literal(message)
	switch {
	case strings.HasPrefix(selector.Sel.Name, "log") && text != "":
		text = "cognitogate: " + text
	case !strings.Contains(strings.TrimSpace(text), " "):
		return // "cognitogate: " in logEvent, or nothing
	}
	l.messages[messageStart(text)] = true
}

// messageStart returns a message up to the explanation behind its colon or semicolon.
func messageStart(text string) string {
	pkg, text, ok := strings.Cut(text, ": ")
	if !ok {
		return pkg
	}
	for _, mark := range []string{": ", "; ", ", "} {
		text, _, _ = strings.Cut(text, mark)
	}
	return pkg + ": " + strings.TrimSpace(text)
}

// literal returns the text of a string literal, or "".
func literal(expr ast.Expr) string {
	lit, ok := expr.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRunningNamesMetrics looks for the metrics and attributes that docs/running.md names
// in package otelhooks.
func TestRunningNamesMetrics(t *testing.T) {
	_, section, ok := strings.Cut(readFile(t, "../../docs/running.md"), "\n## Metrics\n")
	if !ok {
		t.Fatal("docs/running.md has no section about metrics")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	files, err := filepath.Glob("../../middleware/otelhooks/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files of otelhooks: ", err)
	}
	code := logging{messages: make(map[string]bool)}
	for _, file := range files {
		code.parse(t, file)
	}
	n := 0
	for _, span := range quotedCode.FindAllStringSubmatch(section, -1) {
		if strings.HasPrefix(span[1], "cognitogate.") {
			n++
			if !slices.Contains(code.literals, span[1]) {
				t.Errorf("docs/running.md: otelhooks has no %s", span[1])
			}
		}
	}
	if n < 5 {
		t.Errorf("docs/running.md names %d metrics", n)
	}
}
