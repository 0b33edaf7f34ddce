package dynamostore_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/dynamostore"
	"github.com/cognitogate/cognitogate/session/storetest"
)

// TestContract also compares the operations with the actions that are documented.
// Package session looks for this method.
var _ interface{ PollInterval() time.Duration } = (*dynamostore.Store)(nil)

func TestContract(t *testing.T) {
	defer dynamostore.SetPageSize(30)()
	var calls []string
	storetest.Run(t, func(t *testing.T) session.Store {
		table := newFakeTable(t)
		t.Cleanup(func() { calls = append(calls, table.called()...) })
		return dynamostore.New(table.client(1), tableName)
	})
	doc, err := os.ReadFile("dynamostore.go")
	must(t, err)
	var documented []string
	for _, action := range regexp.MustCompile(`dynamodb:(\w+)`).FindAllSubmatch(doc, -1) {
		documented = append(documented, string(action[1]))
	}
	slices.Sort(documented)
	slices.Sort(calls)
	if got := slices.Compact(calls); !slices.Equal(got, documented) {
		t.Errorf("operations %v, documented actions %v", got, documented)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// everyCall calls each method once, and returns the errors.
func everyCall(ctx context.Context, store session.Store) map[string]error {
	_, get := store.Get(ctx, "key")
	_, add := store.Add(ctx, "new key", []byte("value"), time.Minute)
	_, swap := store.Swap(ctx, "key", []byte("value"), []byte("new"), time.Minute)
	_, remove := store.Swap(ctx, "key", []byte("value"), nil, 0)
	appendErr := store.Append(ctx, []byte("note"), time.Minute)
	_, _, since := store.Since(ctx, "")
	return map[string]error{"Get": get, "Add": add, "Swap": swap, "Swap to nil": remove, "Append": appendErr, "Since": since}
}

// TestOneCall: each method but Append is one call.
func TestOneCall(t *testing.T) {
	table := newFakeTable(t)
	store := dynamostore.New(table.client(1), tableName)
	for range 2 {
		for name, err := range everyCall(t.Context(), store) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		want := []string{"GetItem", "PutItem", "PutItem", "DeleteItem", "Query", "PutItem", "Query"}
		if got := table.called(); !slices.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	}
}

// TestExpires: all items expire, but not before their time.
func TestExpires(t *testing.T) {
	table := newFakeTable(t)
	store := dynamostore.New(table.client(1), tableName)
	now := time.Now()
	store.SetNow(func() time.Time { return now })
	_, err := store.Add(t.Context(), "added", nil, time.Nanosecond)
	must(t, err)
	_, err = store.Add(t.Context(), "swapped", nil, 0)
	must(t, err)
	_, err = store.Swap(t.Context(), "swapped", nil, []byte("value"), 48*time.Hour)
	must(t, err)
	must(t, store.Append(t.Context(), []byte("note"), 24*time.Hour))
	keeps := map[string]time.Duration{"value:added": time.Nanosecond, "value:swapped": 48 * time.Hour, "log": 24 * time.Hour}
	for partition, keep := range keeps {
		for _, i := range table.items[partition] {
			expires, err := strconv.ParseInt(i["expires"]["N"], 10, 64)
			must(t, err)
			until := time.Unix(expires, 0)
			if earliest := now.Add(keep + time.Hour); until.Before(earliest) || until.After(earliest.Add(2*time.Second)) {
				t.Errorf("%s is kept for %v, want %v and an hour", partition, until.Sub(now), keep)
			}
		}
	}
	if got := slices.Sorted(maps.Keys(table.items)); !slices.Equal(got, slices.Sorted(maps.Keys(keeps))) {
		t.Errorf("partition keys %q", got)
	}
	// Nothing looks at the time but DynamoDB.
	now = now.Add(30 * 24 * time.Hour)
	if there, err := store.Get(t.Context(), "swapped"); string(there) != "value" || err != nil {
		t.Errorf("an expired value that is still there: %q, %v", there, err)
	}
	if there, err := store.Add(t.Context(), "swapped", []byte("new"), time.Hour); string(there) != "value" || err != nil {
		t.Errorf("Add over an expired value returns %q, %v", there, err)
	}
	table.expire(now)
	if there, err := store.Add(t.Context(), "swapped", []byte("new"), time.Hour); there != nil || err != nil {
		t.Errorf("Add after the deletion returns %q, %v", there, err)
	}
}

// TestFailures: errors of DynamoDB are returned as they are, after one attempt.
func TestFailures(t *testing.T) {
	table := newFakeTable(t)
	store := dynamostore.New(table.client(1), tableName)
	_, err := store.Add(t.Context(), "key", []byte("value"), time.Minute)
	must(t, err)
	for code, status := range map[string]int{
		"ProvisionedThroughputExceededException": 400,
		"ThrottlingException":                    400,
		"RequestLimitExceeded":                   400,
		"ResourceNotFoundException":              400,
		"AccessDeniedException":                  400,
		"InternalServerError":                    500,
		"ServiceUnavailable":                     503,
	} {
		table.called()
		calls := 0
		table.before = func(string) *fakeError {
			calls++
			return &fakeError{status: status, Type: "com.amazonaws.dynamodb.v20120810#" + code, Text: "text"}
		}
		errs := everyCall(t.Context(), store)
		for name, err := range errs {
			apiErr, ok := errors.AsType[smithy.APIError](err)
			if !ok || apiErr.ErrorCode() != code {
				t.Errorf("%s: %s returns %v", code, name, err)
			}
		}
		if calls != len(errs) {
			t.Errorf("%s: %d calls for %d methods", code, calls, len(errs))
		}
	}
	table.before = nil
	if there, err := store.Get(t.Context(), "key"); string(there) != "value" || err != nil {
		t.Errorf("after the failures: %q, %v", there, err)
	}
}

// TestLostAnswer: a call had its effect, and the SDK tries it again.
func TestLostAnswer(t *testing.T) {
	table := newFakeTable(t)
	store := dynamostore.New(table.client(2), tableName)
	lost := false
	table.after = func(operation string) *fakeError {
		if lost || operation == "Query" {
			return nil
		}
		lost = true
		return &fakeError{status: 500, Type: "com.amazonaws.dynamodb.v20120810#InternalServerError", Text: "text"}
	}
	if there, err := store.Add(t.Context(), "key", []byte("claim"), time.Minute); string(there) != "claim" || err != nil {
		t.Errorf("Add returns %q, %v; want its own value", there, err)
	}
	lost = false
	must(t, store.Append(t.Context(), []byte("note"), time.Minute))
	notes, _, err := store.Since(t.Context(), "")
	must(t, err)
	if len(notes) != 2 || string(notes[0]) != "note" || string(notes[1]) != "note" {
		t.Errorf("notes: %q", notes)
	}
	// Where the condition failure has no item, Add cannot tell what is there.
	table.before = func(string) *fakeError { return conditionFailed(nil) }
	there, err := store.Add(t.Context(), "key", []byte("claim"), time.Minute)
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok || there != nil {
		t.Errorf("Add returns %q, %v", there, err)
	}
}

// TestSlow: deadlines hold while DynamoDB does not answer.
func TestSlow(t *testing.T) {
	table := newFakeTable(t)
	store := dynamostore.New(table.client(1), tableName)
	blocked := make(chan struct{})
	defer close(blocked)
	table.before = func(string) *fakeError { <-blocked; return nil }
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for name, err := range everyCall(ctx, store) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s returns %v", name, err)
		}
	}
}
