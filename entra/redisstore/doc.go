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
// # When Redis forgets
//
// What Redis has acknowledged decides, so what it forgets of that is undecided again. It forgets
//
//   - everything, when it restarts without an append-only file. With appendonly it forgets nothing when its process is killed, and with
//     appendfsync always nothing when the machine is lost; with everysec the last second or two.
//   - what it acknowledged a moment ago, when a replica takes the primary's place: replication is asynchronous. A primary that is cut off and does
//     not know that it was replaced goes on acknowledging, and all of that is forgotten.
//   - anything, when its memory is full and it may evict: maxmemory-policy must be noeviction, so that it refuses writes, and sign-ins, instead.
//
// What follows is bounded, because Redis is not the only one who remembers:
//
//   - A flow that is forgotten: the person is told to sign in again. Where Redis begins empty, that is everybody who was on the way, and it is all: an answer
//     that was used belongs to a flow that is gone.
//   - That a flow was taken, or used where flows are cookies: the browser that has its cookie could bring its answer again, until Config.FlowLifetime ends. Over
//     OAuth 2.0 Entra refuses a code that it has redeemed; over WS-Federation the token must be forgotten as well.
//   - That a WS-Federation token was used: whoever holds a copy could use it once more, in a sign-in that began no more than five minutes after
//     the token was issued (package wsfed, IssuedSince). So it is of no use to anybody once these minutes and Config.FlowLifetime have passed since then.
//
// Over OAuth 2.0 nothing rests on replay ids while flows are here too: the ID token is bound to its flow by a nonce.
//
// To forget less: [Store.WithReplicas] lets nobody in before the replicas have it. The server's own min-replicas-to-write has it refuse writes while
// replicas are away, once min-replicas-max-lag (10 seconds by default) has passed without a word of them: it bounds what is lost, and rules out
// nothing. Who must lose nothing keeps replay ids in a database that commits synchronously (package sqlstore), and only flows here.
//
// [Store.Check] asks the server for its policy and its replicas, but not for its append-only file: many who offer Redis as a service have none, and keep
// replicas instead. Expiry follows the server's clock; keep it in step with those of the machines.
//
// # When Redis does not answer
//
// An error of Redis's refuses the sign-in. The client repeats a command whose answer was lost (redis.Options.MaxRetries): what had gone through the
// first time then looks used, and the person is told to sign in again. Set redis.Options.ContextTimeoutEnabled, or the
// deadline of a request does not end a wait for the network; without it ReadTimeout does.
//
// The map: store.go (the store, its keys and commands), replicas.go (waiting for replicas), check.go.
package redisstore
