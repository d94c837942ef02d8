package redisstore_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/redisstore"
)

// Flows and replay ids of the environment "production". A host calls Check before it serves.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "redis.internal:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := redisstore.New(client, "production")
	fmt.Println(err)
	_ = entra.Config{
		Flows: store, Replay: store, // and the rest
	}
	// Output: <nil>
}
