// Package redisstore shares sign-ins among replicas through Redis or Valkey.
//
// For most uses, give Config.Shared one Store over a client of go-redis:
//
//	client := redis.NewUniversalClient(&redis.UniversalOptions{
//		Addrs:                 []string{"redis.example.com:6379"},
//		MaxRetries:            -1,
//		DialerRetries:         1,
//		ContextTimeoutEnabled: true,
//	})
//	shared := redisstore.New(client, "myapp:")
//
// # Client
//
// The client is the application's: so are addresses, TLS, passwords and the pool. A
// single server, Sentinel, Cluster and Ring work. Package redisstore never closes the
// client. The options above matter:
//
//   - ContextTimeoutEnabled lets a call end at its deadline. Without it a call waits for
//     the client's ReadTimeout, three seconds by default.
//   - MaxRetries -1 and DialerRetries 1 leave retries to package session. It tries a call
//     again only where that is useful. By default the client tries up to four times.
//   - redis.SetLogger takes what the client prints by itself, such as failures to connect.
//   - MaintNotificationsConfig with the mode "disabled" is needed where the server does
//     not know maintenance notifications and answers them wrongly. Some versions of
//     Valkey do.
//
// Redis 6.2 or later is needed, or any Valkey. All operations are scripts, and each
// touches one key. So they are atomic, Cluster can place every key on its own, and no
// client reads a replica or its own cache.
//
// # Keys
//
// All keys begin with the prefix. Applications that share a server should have one each.
// A prefix with a hash tag, as "{myapp}:", puts all keys of a Cluster into one slot. A
// user of the server needs these rights, besides those of a connection (AUTH, HELLO):
//
//	ACL SETUSER myapp on >password ~myapp:* +evalsha +eval +get +set +del +time +xadd +xrange +xrevrange +pexpire
//
// Values have up to some 16 kB, and two minutes to live. The log is one stream with about
// 200 bytes for each sign-out of a day. Both expire by themselves.
//
// # Losses
//
// Persistence is not needed. A server that restarts empty, evicts a key or fails over to
// a copy that lags costs at most what it costs not to share: replicas refresh for
// themselves. Where refresh tokens rotate without a grace period, that can lose a
// sign-in. A sign-out can be lost too, for replicas that have not read it yet. So:
//
//   - Set the eviction policy to noeviction or volatile-ttl. With an allkeys policy the
//     log may go while values stay.
//   - A full server refuses results with noeviction. Replicas then refresh for themselves.
//   - Give refresh tokens of the app client a grace period of 60 seconds.
//   - Where the store holds session records, use noeviction and persistence
//     (appendonly yes). There a loss signs users out.
package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cognitogate/cognitogate/session"
)

// pageSize is how many notes Since returns at most. Tests lower it.
var pageSize = 1000

// Store is a session.Store on Redis or Valkey.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var _ session.Store = (*Store)(nil)

// New returns a store whose keys begin with prefix.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{client, prefix}
}

var (
	// GET is a script because a client may send the plain command to a replica that lags,
	// or answer it from a cache of its own.
	getScript = redis.NewScript(`return redis.call('GET', KEYS[1])`)

	addScript = redis.NewScript(`
local there = redis.call('GET', KEYS[1])
if there then return there end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false`)

	swapScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`)

	deleteScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

	// Notes are trimmed by the longest time to keep of any note, which each entry hands
	// on to the next. So a note with a short time drops no other. A clock that jumped
	// backwards trims less; ids of a stream only grow.
	appendScript = redis.NewScript(`
local keep = tonumber(ARGV[3])
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last then keep = math.max(keep, tonumber(last[2][6])) end
local time = redis.call('TIME')
local oldest = math.max(0, time[1] * 1000 + math.floor(time[2] / 1000) - keep)
redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', oldest), '*',
  'note', ARGV[1], 'mark', ARGV[2], 'keep', string.format('%.0f', keep))
return redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep))`)

	// A cursor is the id and the mark of the last note that was read. After a flush or a
	// failover this note is missing, or its id has another mark: then all notes are new.
	// The same holds if it was trimmed.
	sinceScript = redis.NewScript(`
local from = '-'
if ARGV[1] ~= '' then
  local read = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
  if read and read[2][4] == ARGV[2] then from = '(' .. ARGV[1] end
end
return redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[3])`)
)

func (s *Store) valueKey(key string) []string { return []string{s.prefix + "value:" + key} }

func (s *Store) logKey() []string { return []string{s.prefix + "log"} }

// milliseconds rounds a time to keep up. The server refuses 0.
func milliseconds(keep time.Duration) int64 {
	return max(1, int64((keep+time.Millisecond-1)/time.Millisecond))
}

// run runs a script. A reply of nil is no error.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply any, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reply, err = script.Run(ctx, s.client, keys, args...).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err == nil || ctx.Err() == nil && !isPast(ctx):
		return reply, err
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, fmt.Errorf("%w (%w)", context.Canceled, err)
	default:
		return nil, fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
}

// isPast reports whether the deadline is over. The client sets it on the connection, and
// that may notice before the context does.
func isPast(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// value returns the bytes of a reply that is a string or nil.
func value(reply any) ([]byte, error) {
	switch reply := reply.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(reply), nil
	default:
		return nil, fmt.Errorf("unexpected reply of type %T", reply)
	}
}

// Get implements session.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	reply, err := s.run(ctx, getScript, s.valueKey(key))
	var there []byte
	if err == nil {
		there, err = value(reply)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: get: %w", err)
	}
	return there, nil
}

// Add implements session.Store.
func (s *Store) Add(ctx context.Context, key string, v []byte, keep time.Duration) (there []byte, err error) {
	reply, err := s.run(ctx, addScript, s.valueKey(key), v, milliseconds(keep))
	if err == nil {
		there, err = value(reply)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: add: %w", err)
	}
	return there, nil
}

// Swap implements session.Store.
func (s *Store) Swap(ctx context.Context, key string, old, v []byte, keep time.Duration) (swapped bool, err error) {
	var reply any
	if v == nil {
		reply, err = s.run(ctx, deleteScript, s.valueKey(key), old)
	} else {
		reply, err = s.run(ctx, swapScript, s.valueKey(key), old, v, milliseconds(keep))
	}
	if err != nil {
		return false, fmt.Errorf("redisstore: swap: %w", err)
	}
	return reply == int64(1), nil
}

// Append implements session.Store.
func (s *Store) Append(ctx context.Context, note []byte, keep time.Duration) error {
	if _, err := s.run(ctx, appendScript, s.logKey(), note, rand.Text(), milliseconds(keep)); err != nil {
		return fmt.Errorf("redisstore: append: %w", err)
	}
	return nil
}

// cursorForm is an id of a stream and a mark.
var cursorForm = regexp.MustCompile(`^([0-9]{1,20}-[0-9]{1,20}):([A-Z2-7]{26})$`)

// Since implements session.Store.
func (s *Store) Since(ctx context.Context, cursor string) (notes [][]byte, next string, err error) {
	var id, mark string
	if parts := cursorForm.FindStringSubmatch(cursor); parts != nil {
		id, mark = parts[1], parts[2]
	}
	reply, err := s.run(ctx, sinceScript, s.logKey(), id, mark, pageSize)
	if err != nil {
		return nil, "", fmt.Errorf("redisstore: since: %w", err)
	}
	entries, _ := reply.([]any)
	next = cursor
	for _, e := range entries {
		note, at, ok := parseEntry(e)
		if !ok {
			return nil, "", fmt.Errorf("redisstore: since: unexpected entry in the log: %.200q", fmt.Sprint(e))
		}
		notes, next = append(notes, note), at
	}
	return notes, next, nil
}

// parseEntry reads an entry of the stream as Append writes it.
func parseEntry(entry any) (note []byte, cursor string, ok bool) {
	parts, ok := entry.([]any)
	if !ok || len(parts) != 2 {
		return nil, "", false
	}
	id, _ := parts[0].(string)
	fields, _ := parts[1].([]any)
	if len(fields) != 6 || id == "" || fields[2] != "mark" {
		return nil, "", false
	}
	text, ok := fields[1].(string)
	mark, ok2 := fields[3].(string)
	return []byte(text), id + ":" + mark, ok && ok2
}
