package automaton_test

import (
	"fmt"
	"log"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

func ExampleCompile() {
	m, err := automaton.Compile(`^\/(?!api).*`)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Match("/dashboard"), m.Match("/api/users"))
	_, err = automaton.Compile(`(a)\1`)
	fmt.Println(err)
	// Output:
	// true false
	// backreferences are not supported at offset 3
}
