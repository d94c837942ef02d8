// Package cloud says where each of Microsoft's clouds lives: the login host, the issuers and Graph.
//
// It holds words only: [ByName] is a table, [IsTenant] and [IsGUID] are grammars. Nothing here fetches anything, and
// nothing here is learned from a message: a [Cloud] comes from configuration, so that no token, response or link
// can say where the next request or bearer token goes.
//
// Sources: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud and
// https://learn.microsoft.com/graph/deployments
package cloud
