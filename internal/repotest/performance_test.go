package repotest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A benchRow is what the program in bench/ prints as a row of its table.
type benchRow struct {
	row, what string
	starts    bool   // what only begins like that
	target    string // "" if there is none, or one that is not constant
	sometimes bool   // it stands in an if
}

// fits reports whether a row of the page is this one.
func (b benchRow) fits(cells []string) bool {
	return cells[0] == b.row && (cells[1] == b.what || b.starts && strings.HasPrefix(cells[1], b.what)) &&
		(b.target == "" || cells[3] == b.target)
}

// TestPerformanceHasTheRowsOfBench compares the table of docs/performance.md with what the
// program prints, without running it.
func TestPerformanceHasTheRowsOfBench(t *testing.T) {
	rows := benchRows(t)
	var page [][]string
	_, table, _ := strings.Cut(readFile(t, "../../docs/performance.md"), "| | what | measured | target | met |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		line = strings.ReplaceAll(line, `\|`, "\x00")
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "\x00", "|")
		}
		if len(cells) == 5 && !strings.HasPrefix(line, "|---") {
			page = append(page, cells)
		}
	}
	const cure = "run make bench BENCH='-page ../docs/performance.md'"
	for _, row := range rows {
		n := 0
		for _, cells := range page {
			if row.fits(cells) {
				n++
			}
		}
		if n == 0 && !row.sometimes {
			t.Errorf("docs/performance.md lacks the row %+v; %s", row, cure)
		}
	}
	for _, cells := range page {
		found := false
		for _, row := range rows {
			found = found || row.fits(cells)
		}
		if !found {
			t.Errorf("no program prints the row %q of docs/performance.md; %s", cells, cure)
		}
	}
}

// benchRows reads the rows from the source of the program.
func benchRows(t *testing.T) (rows []benchRow) {
	t.Helper()
	files, err := filepath.Glob("../../bench/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files of bench: ", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		inIf := make(map[ast.Node]bool)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.IfStmt:
				ast.Inspect(n.Body, func(inner ast.Node) bool { inIf[inner] = true; return true })
			case *ast.CallExpr:
				if row, ok := rowOf(n); ok {
					row.sometimes = inIf[n]
					rows = append(rows, row)
				}
			}
			return true
		})
	}
	return rows
}

// rowOf returns the row that a call of atMost, atLeast or informs makes.
func rowOf(call *ast.CallExpr) (row benchRow, ok bool) {
	name, ok := call.Fun.(*ast.Ident)
	bound := map[string]string{"atMost": "≤ ", "atLeast": "≥ ", "informs": ""}
	if !ok || len(call.Args) < 4 {
		return row, false
	}
	sign, ok := bound[name.Name]
	if row.row = literal(call.Args[0]); !ok || row.row == "" {
		return row, false
	}
	switch what := call.Args[1].(type) {
	case *ast.BinaryExpr:
		row.what, row.starts = literal(what.X), true
	case *ast.CallExpr: // of fmt.Sprintf
		row.what, _, row.starts = strings.Cut(literal(what.Args[0]), "%")
	default:
		row.what = literal(what)
	}
	if len(call.Args) == 5 {
		if number, isNumber := call.Args[4].(*ast.BasicLit); isNumber {
			target, err := strconv.ParseFloat(number.Value, 64)
			if err == nil {
				row.target = sign + fmt.Sprintf(literal(call.Args[3]), target)
			}
		}
	}
	return row, true
}
