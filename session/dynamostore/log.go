package dynamostore

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// The log is the items of one partition key. Their sort keys are the numbers 1, 2, 3, …
// A note gets the number after the last, on the condition that nobody else has taken that
// number. So a note's number is higher than those of all notes that were there before
// it, whatever the clocks of the writers say.

// logPartition is the partition key of all notes.
var logPartition = binary([]byte("log"))

// pageSize is how many notes Since returns at most. Tests lower it.
var pageSize int32 = 5000

// Append implements session.Store.
func (s *Store) Append(ctx context.Context, note []byte, keep time.Duration) error {
	if err := s.appendNote(ctx, note, keep); err != nil {
		return fmt.Errorf("dynamostore: append: %w", err)
	}
	return nil
}

func (s *Store) appendNote(ctx context.Context, note []byte, keep time.Duration) error {
	last, err := s.lastNumber(ctx)
	if err != nil {
		return err
	}
	i := item{attrPartition: logPartition, attrValue: binary(note), attrMark: binary([]byte(rand.Text())), attrExpires: s.expires(keep)}
	for {
		last++
		i[attrSort] = number(last)
		_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: s.table, Item: i, ConditionExpression: aws.String(absent),
		})
		if !isConditionFailed(err) {
			return err
		}
		// The number is another note's. The next one may be free.
	}
}

// lastNumber returns the number of the last note, 0 if there is none.
//
// The last note must not expire before the next one is there. A second writer would
// otherwise count from a lower number, and readers who have seen the higher one would
// miss its note. So a last note that may expire soon is kept for longer first.
func (s *Store) lastNumber(ctx context.Context) (int64, error) {
	for {
		out, err := s.api.Query(ctx, &dynamodb.QueryInput{
			TableName: s.table, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(1),
			KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: item{":pk": logPartition},
		})
		if err != nil || len(out.Items) == 0 {
			return 0, err
		}
		last := out.Items[0]
		if soon := s.now().Add(expiryMargin / 2).Unix(); numberOf(last, attrExpires) > soon {
			return numberOf(last, attrSort), nil
		}
		last[attrExpires] = s.expires(0)
		_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: s.table, Item: last, ConditionExpression: aws.String(sameMark),
			ExpressionAttributeValues: item{":mark": last[attrMark]},
		})
		if err == nil {
			return numberOf(last, attrSort), nil
		}
		if !isConditionFailed(err) {
			return 0, err
		}
		// The note has just expired.
	}
}

// Since implements session.Store. A cursor is the number and the mark of the last note
// that was read. Where this note is missing, because it expired or the table is another,
// Since reads from the beginning.
func (s *Store) Since(ctx context.Context, cursor string) (notes [][]byte, next string, err error) {
	entries, err := s.entriesSince(ctx, cursor)
	if err != nil {
		return nil, "", fmt.Errorf("dynamostore: since: %w", err)
	}
	next = cursor
	for _, e := range entries {
		notes = append(notes, bytesOf(e, attrValue))
		next = strconv.FormatInt(numberOf(e, attrSort), 10) + ":" + string(bytesOf(e, attrMark))
	}
	return notes, next, nil
}

func (s *Store) entriesSince(ctx context.Context, cursor string) ([]item, error) {
	digits, mark, _ := strings.Cut(cursor, ":")
	if read, err := strconv.ParseInt(digits, 10, 64); err == nil && read > 0 {
		entries, err := s.entriesFrom(ctx, read)
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 && numberOf(entries[0], attrSort) == read && string(bytesOf(entries[0], attrMark)) == mark {
			return entries[1:], nil
		}
	}
	return s.entriesFrom(ctx, 1)
}

// entriesFrom returns a page of the log that begins with a number.
//
// A query is no snapshot: it may return a note and not the one before it, if both were
// appended meanwhile. So where numbers are missing, a second query tells whether these
// notes have expired. It sees all that were there when the first one ended.
func (s *Store) entriesFrom(ctx context.Context, first int64) ([]item, error) {
	entries, err := s.query(ctx, first)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	last := numberOf(entries[len(entries)-1], attrSort)
	if last == first+int64(len(entries))-1 {
		return entries, nil
	}
	if entries, err = s.query(ctx, first); err != nil {
		return nil, err
	}
	for i, e := range entries {
		if numberOf(e, attrSort) > last {
			return entries[:i], nil
		}
	}
	return entries, nil
}

func (s *Store) query(ctx context.Context, first int64) ([]item, error) {
	out, err := s.api.Query(ctx, &dynamodb.QueryInput{
		TableName: s.table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(pageSize),
		KeyConditionExpression:    aws.String("pk = :pk AND sk >= :first"),
		ExpressionAttributeValues: item{":pk": logPartition, ":first": number(first)},
	})
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}
