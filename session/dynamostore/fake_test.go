package dynamostore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// fakeTable speaks the wire protocol of DynamoDB, as far as this package uses it. What it
// does not know it refuses.
type fakeTable struct {
	http.Handler
	attributes map[string]string // the types of the key's attributes, as documented

	mu    sync.Mutex
	items map[string]map[int64]fakeItem // by partition and sort key
	calls []string

	// before and after are called for each operation, if set. An answer of before ends it.
	before func(operation string) *fakeError
	after  func(operation string) *fakeError
	// hidden has, for each of the next queries, the sort key of a note that it misses.
	hidden []int64
}

// fakeItem has, for each attribute, a type and a value, as {"N": "1"}.
type fakeItem map[string]map[string]string

type fakeError struct {
	status int
	Type   string   `json:"__type"`
	Text   string   `json:"message"`
	Item   fakeItem `json:",omitempty"`
}

func conditionFailed(i fakeItem) *fakeError {
	return &fakeError{400, "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "The conditional request failed", i}
}

func invalid(format string, args ...any) *fakeError {
	return &fakeError{400, "com.amazon.coral.validate#ValidationException", fmt.Sprintf(format, args...), nil}
}

const tableName = "myapp"

// newFakeTable returns an empty table that is made as the package documents.
func newFakeTable(t *testing.T) *fakeTable {
	t.Helper()
	doc, err := os.ReadFile("dynamostore.go")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeTable{attributes: make(map[string]string), items: make(map[string]map[int64]fakeItem)}
	for _, definition := range regexp.MustCompile(`AttributeName=(\w+),AttributeType=(\w)`).FindAllSubmatch(doc, -1) {
		f.attributes[string(definition[1])] = string(definition[2])
	}
	if len(f.attributes) != 2 || !strings.Contains(string(doc), "AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE") {
		t.Fatalf("the package documents a table with the key %v", f.attributes)
	}
	return f
}

// client returns a client of the SDK that makes a number of attempts.
func (f *fakeTable) client(attempts int) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://dynamodb.example.com"), HTTPClient: inMemory{f}, RetryMaxAttempts: attempts,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	})
}

// inMemory is an HTTP client without a network.
type inMemory struct{ http.Handler }

func (m inMemory) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answered := make(chan *http.Response, 1)
	go func() {
		answer := httptest.NewRecorder()
		m.ServeHTTP(answer, r)
		answered <- answer.Result()
	}()
	select {
	case answer := <-answered:
		return answer, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

type fakeRequest struct {
	TableName                           string
	Item, Key                           fakeItem
	ConsistentRead                      bool
	ConditionExpression                 string
	ReturnValuesOnConditionCheckFailure string
	KeyConditionExpression              string
	ExpressionAttributeValues           fakeItem
	ScanIndexForward                    *bool
	Limit                               int
}

func (f *fakeTable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok || !signed || r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		http.Error(w, "not a request of DynamoDB's protocol", http.StatusBadRequest)
		return
	}
	var request fakeRequest
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, failure := f.answer(operation, request)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if failure != nil {
		w.WriteHeader(failure.status)
		json.NewEncoder(w).Encode(failure)
		return
	}
	json.NewEncoder(w).Encode(answer)
}

func (f *fakeTable) answer(operation string, request fakeRequest) (answer any, failure *fakeError) {
	if f.before != nil {
		if failure := f.before(operation); failure != nil {
			return nil, failure
		}
	}
	answer, failure = f.operate(operation, request)
	if f.after != nil {
		if failure := f.after(operation); failure != nil {
			return nil, failure
		}
	}
	return answer, failure
}

func (f *fakeTable) operate(operation string, request fakeRequest) (answer any, failure *fakeError) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, operation)
	if request.TableName != tableName {
		return nil, invalid("no table %q", request.TableName)
	}
	if operation == "Query" {
		return f.query(request)
	}
	key := request.Key
	if operation == "PutItem" {
		key = request.Item
	}
	partition, sort, failure := f.keyOf(key)
	if failure != nil {
		return nil, failure
	}
	old := f.items[partition][sort]
	if operation == "GetItem" {
		if !request.ConsistentRead {
			old = nil // as if the copy lags
		}
		return map[string]fakeItem{"Item": old}, nil
	}
	holds, failure := condition(request, old)
	if failure != nil {
		return nil, failure
	}
	if !holds && request.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
		return nil, conditionFailed(old)
	}
	if !holds {
		return nil, conditionFailed(nil)
	}
	switch operation {
	case "PutItem":
		if f.items[partition] == nil {
			f.items[partition] = make(map[int64]fakeItem)
		}
		f.items[partition][sort] = request.Item
	case "DeleteItem":
		delete(f.items[partition], sort)
	default:
		return nil, invalid("no operation %s", operation)
	}
	return struct{}{}, nil
}

// keyOf returns the key of an item. As in DynamoDB, no part of it may be empty.
func (f *fakeTable) keyOf(i fakeItem) (partition string, sort int64, failure *fakeError) {
	for attribute, kind := range f.attributes {
		if i[attribute][kind] == "" {
			return "", 0, invalid("key attribute %s: %v", attribute, i[attribute])
		}
	}
	bytes, err := base64.StdEncoding.DecodeString(i["pk"]["B"])
	sort, err2 := strconv.ParseInt(i["sk"]["N"], 10, 64)
	if err != nil || err2 != nil || len(bytes) > 2048 {
		return "", 0, invalid("key %v", i)
	}
	return string(bytes), sort, nil
}

func condition(request fakeRequest, old fakeItem) (holds bool, failure *fakeError) {
	values := request.ExpressionAttributeValues
	switch request.ConditionExpression {
	case "":
		return true, nil
	case "attribute_not_exists(pk)":
		return old == nil, nil
	case "v = :old":
		return old["v"] != nil && maps.Equal(old["v"], values[":old"]), nil
	case "mark = :mark":
		return old["mark"] != nil && maps.Equal(old["mark"], values[":mark"]), nil
	}
	return false, invalid("condition %q", request.ConditionExpression)
}

func (f *fakeTable) query(request fakeRequest) (answer any, failure *fakeError) {
	values := request.ExpressionAttributeValues
	first := int64(0)
	switch request.KeyConditionExpression {
	case "pk = :pk":
	case "pk = :pk AND sk >= :first":
		first, _ = strconv.ParseInt(values[":first"]["N"], 10, 64)
	default:
		return nil, invalid("condition %q", request.KeyConditionExpression)
	}
	partition, err := base64.StdEncoding.DecodeString(values[":pk"]["B"])
	if err != nil {
		return nil, invalid("partition key %v", values[":pk"])
	}
	found := f.items[string(partition)]
	if !request.ConsistentRead {
		found = nil // as if the copy lags
	}
	numbers := slices.Sorted(maps.Keys(found))
	if request.ScanIndexForward != nil && !*request.ScanIndexForward {
		slices.Reverse(numbers)
	}
	var hidden int64
	if len(f.hidden) > 0 {
		hidden, f.hidden = f.hidden[0], f.hidden[1:]
	}
	page := []fakeItem{}
	for _, n := range numbers {
		if n >= first && n != hidden && len(page) < request.Limit {
			page = append(page, found[n])
		}
	}
	return map[string]any{"Items": page, "Count": len(page)}, nil
}

// expire deletes the items whose time to live is over, as DynamoDB does some day.
func (f *fakeTable) expire(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, items := range f.items {
		maps.DeleteFunc(items, func(_ int64, i fakeItem) bool {
			expires, err := strconv.ParseInt(i["expires"]["N"], 10, 64)
			return err == nil && expires < now.Unix()
		})
	}
}

// called returns the operations since the last call.
func (f *fakeTable) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}
