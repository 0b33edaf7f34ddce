package matcher_test

import (
	"reflect"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

func TestPathsAreRulesWithoutConditions(t *testing.T) {
	got := matcher.Paths("/a", "/b")
	if want := []matcher.Rule{{Source: "/a"}, {Source: "/b"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := matcher.Paths(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}
