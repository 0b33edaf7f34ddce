package redisstore_test

import (
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/cognitogate/cognitogate/session/redisstore"
)

// One client and one Store serve a process. Replicas share what they have under a prefix.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{
		Addr:                     "redis.example.com:6379",
		MaxRetries:               -1, // package session tries again
		DialerRetries:            1,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	_ = redisstore.New(client, "myapp:") // for Config.Shared
}
