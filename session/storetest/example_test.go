package storetest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cognitogate/cognitogate/session/storetest"
)

// Two replicas in one test claim the same key.
func ExampleNewMemory() {
	ctx := context.Background()
	shared := storetest.NewMemory()
	for _, replica := range []string{"first", "second"} {
		there, err := shared.Add(ctx, "key", []byte(replica), time.Minute)
		fmt.Printf("%s: %q %v\n", replica, there, err)
	}
	// Output:
	// first: "" <nil>
	// second: "first" <nil>
}
