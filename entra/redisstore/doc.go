// Package redisstore keeps flows and replay ids in Redis, for hosts that keep their sessions there and run on several machines.
//
//	store, err := redisstore.New(redis.NewClient(options), "production")
//	…
//	err = store.Check(ctx) // once, at the start: would this server forget?
//	svc, err := entra.New(entra.Config{…, Flows: store, Replay: store})
//
// It works with a single Redis, with Sentinel and with Redis Cluster, from 7.0 on (SET with NX and PXAT, GETDEL, PEXPIREAT with GT), and with what
// speaks the same commands, such as Valkey. Every operation is one round trip and touches one key, so keys need no common hash
// tag and spread over all slots. Every key ends by itself; nothing is swept. The keys are
//
//	tenantdoor:{environment}:flow:{id}   what is sealed
//	tenantdoor:{environment}:once:{id}   "1"
//
// without the braces. Ids come from package entra, which hashes them: no state, no token and nothing of a person is readable in Redis.
//
// # What Redis does not promise
//
// Replication is asynchronous. When a primary fails, the replica that takes its place may lack what was acknowledged a moment ago:
//
//   - a lost flow: the person is told to sign in again;
//   - a lost replay id: what was used in that moment, a flow or an assertion, can be used once more until it expires, by whoever holds it.
//
// Nothing that a client does rules that out (WAIT narrows it, and does not work through a cluster's client). The server's own
// min-replicas-to-write and min-replicas-max-lag bound how much is lost; appendonly with appendfsync always keeps a restarted primary from
// forgetting. Who must not accept even that keeps replay ids in a database that commits synchronously (package sqlstore) and only flows here.
//
// Eviction forgets too: maxmemory-policy must be noeviction, so that a full server refuses writes, and sign-ins, instead of forgetting. [Store.Check]
// asks the server. Expiry follows the server's clock; keep it in step with those of the machines.
//
// An error of Redis's refuses the sign-in. The client repeats a command whose answer was lost (redis.Options.MaxRetries): what had gone through the
// first time then looks used, and the person is told to sign in again. Set redis.Options.ContextTimeoutEnabled, or the
// deadline of a request does not end a wait for the network; without it ReadTimeout does.
package redisstore
