package session_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestCookieSizes measures the cookies of a session. docs/layouts.md has the numbers:
// "go test ./session -run TestCookieSizes -v" prints them.
func TestCookieSizes(t *testing.T) {
	amplifyOnly(t) // all layouts are measured at once
	t.Parallel()
	page, err := os.ReadFile("../docs/layouts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, groups := range []int{0, 20, 200} {
		user := cognitotest.User{Username: "ada", Attributes: map[string]string{"email": "ada@example.com", "name": "Ada Lovelace"}, Groups: manyGroups().Groups[:groups]}
		server := cognitotest.New(user)
		set := server.Issue("ada")
		var row strings.Builder
		row.WriteString(fmt.Sprintf("| %d |", groups))
		for _, layout := range []session.Layout{session.LayoutAmplify, session.LayoutSealed, session.LayoutHandle} {
			cfg := session.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now, Layout: layout}
			testLayouts[layout]().configure(&cfg)
			m, err := session.NewManager(cfg)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			if _, err := m.Start(w, pageRequest(), set); err != nil {
				t.Fatal(err)
			}
			pairs := pairsOf(w.Header()["Set-Cookie"])
			row.WriteString(fmt.Sprintf(" %d in %d |", len("Cookie: ")+len(strings.Join(pairs, "; ")), len(pairs)))
		}
		t.Log(row.String())
		documented := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \|.*\|$`, groups)).FindString(string(page))
		got, want := sizesIn(row.String()), sizesIn(documented)
		for i := range got {
			if len(want) != len(got) || got[i] < want[i]*97/100 || got[i] > want[i]*103/100+1 {
				t.Errorf("measured %s, and docs/layouts.md has %s", row.String(), documented)
				break
			}
		}
	}
}

// sizesIn returns the numbers in a row of a table.
func sizesIn(row string) (numbers []int) {
	for _, text := range regexp.MustCompile(`\d+`).FindAllString(row, -1) {
		n, _ := strconv.Atoi(text)
		numbers = append(numbers, n)
	}
	return numbers
}
