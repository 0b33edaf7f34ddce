// Package dynamostore shares sign-ins among replicas through a table of DynamoDB.
//
// For most uses, give Config.Shared one Store over a client of the AWS SDK:
//
//	client := dynamodb.NewFromConfig(awsConfig, func(o *dynamodb.Options) {
//		o.RetryMaxAttempts = 1
//	})
//	shared := dynamostore.New(client, "myapp")
//
// Package session tries a call again only where that is useful. So the client needs no
// retries of its own. The client's region must be the table's: only reads within a region
// are consistent. A global table does not connect the replicas of several regions, unless
// its consistency is strong.
//
// # Table
//
//	aws dynamodb create-table --table-name myapp --billing-mode PAY_PER_REQUEST \
//	  --attribute-definitions AttributeName=pk,AttributeType=B AttributeName=sk,AttributeType=N \
//	  --key-schema AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE
//	aws dynamodb update-time-to-live --table-name myapp \
//	  --time-to-live-specification Enabled=true,AttributeName=expires
//
// The actions dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem and dynamodb:Query
// on the table are needed. Several applications may share a table.
//
// Time to live only cleans up. DynamoDB deletes an expired item within some days, and
// until then Get and Add return it. Nothing depends on when that happens. An item expires
// an hour later than asked for, so that a clock that is wrong by minutes deletes nothing
// too early.
//
// # Capacity
//
// With values of 6 kB, a refresh takes about eight write units, and a sign-out about nine
// and a read unit. A waiting replica takes one or two read units each time it asks. A
// replica that serves requests takes a read unit a second to hear of sign-outs, and one
// that starts takes 25 for each 1,000 notes of the log. A failed condition takes write
// units too.
//
// Keys of values are hashes, so values spread over all partitions. The log is one item
// collection. DynamoDB allows it 3,000 read units a second. Concurrent sign-outs take
// their turns, about 100 a second. Those beyond get an error when their deadline ends,
// and package session tells them again.
//
// A table that is throttled returns errors. Replicas then refresh for themselves.
package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cognitogate/cognitogate/session"
)

// API has the methods of a *dynamodb.Client that a Store uses.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Store is a session.Store on a table of DynamoDB.
type Store struct {
	api   API
	table *string
	now   func() time.Time
}

var _ session.Store = (*Store)(nil)

// New returns a store on a table, which must exist.
func New(api API, table string) *Store {
	return &Store{api, aws.String(table), time.Now}
}

// pollInterval is longer than that of stores which are not paid by the call.
const pollInterval = 200 * time.Millisecond

// PollInterval says how often a replica that waits for another's refresh calls Get; see
// session.Store.
func (s *Store) PollInterval() time.Duration { return pollInterval }

// Attributes of an item. Values have the sort key 0.
const (
	attrPartition = "pk"
	attrSort      = "sk"
	attrValue     = "v"
	attrMark      = "mark" // of a note
	attrExpires   = "expires"
)

// Conditions of writes.
const (
	absent    = "attribute_not_exists(pk)"
	unchanged = "v = :old"
	sameMark  = "mark = :mark"
)

// expiryMargin is for clocks that differ.
const expiryMargin = time.Hour

type item = map[string]types.AttributeValue

func binary(b []byte) types.AttributeValue {
	return &types.AttributeValueMemberB{Value: b}
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// bytesOf returns a binary attribute, nil if there is none.
func bytesOf(i item, attribute string) []byte {
	if b, ok := i[attribute].(*types.AttributeValueMemberB); ok {
		return append([]byte{}, b.Value...) // an empty value is not nil
	}
	return nil
}

// numberOf returns a numeric attribute, 0 if there is none.
func numberOf(i item, attribute string) int64 {
	if n, ok := i[attribute].(*types.AttributeValueMemberN); ok {
		number, _ := strconv.ParseInt(n.Value, 10, 64)
		return number
	}
	return 0
}

func valueKey(key string) item {
	return item{attrPartition: binary([]byte("value:" + key)), attrSort: number(0)}
}

func (s *Store) expires(keep time.Duration) types.AttributeValue {
	return number(s.now().Add(keep).Add(expiryMargin).Unix() + 1)
}

func (s *Store) valueItem(key string, value []byte, keep time.Duration) item {
	i := valueKey(key)
	i[attrValue], i[attrExpires] = binary(value), s.expires(keep)
	return i
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, key string) (value []byte, err error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: s.table, Key: valueKey(key), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("dynamostore: get: %w", err)
	}
	return bytesOf(out.Item, attrValue), nil
}

// Add implements session.Store. One call both puts a value and returns the one that is
// there.
func (s *Store) Add(ctx context.Context, key string, value []byte, keep time.Duration) (there []byte, err error) {
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: s.table, Item: s.valueItem(key, value, keep), ConditionExpression: aws.String(absent),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if there = bytesOf(failed.Item, attrValue); there != nil {
			return there, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("dynamostore: add: %w", err)
	}
	return nil, nil
}

// Swap implements session.Store.
func (s *Store) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (swapped bool, err error) {
	condition, values := aws.String(unchanged), item{":old": binary(old)}
	if value == nil {
		_, err = s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: s.table, Key: valueKey(key), ConditionExpression: condition, ExpressionAttributeValues: values,
		})
	} else {
		_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: s.table, Item: s.valueItem(key, value, keep), ConditionExpression: condition, ExpressionAttributeValues: values,
		})
	}
	if isConditionFailed(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("dynamostore: swap: %w", err)
	}
	return true, nil
}

func isConditionFailed(err error) bool {
	_, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	return ok
}
