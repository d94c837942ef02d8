// Package graph is a small Microsoft Graph client: a person's groups beyond what a token holds, names of groups, profile and photo.
//
// What it promises, whatever a token, a response or a link says:
//
//   - A bearer token goes to the Graph host of the configured cloud and nowhere else: no redirect is followed, and an
//     @odata.nextLink only on that very scheme and host.
//
//   - A list is whole or an error. There is no way to get the first pages of one.
//
//   - What a delegated token answers as /me is checked to be about the person that was asked for.
//
//   - Pages, bytes, tries and time are bounded; Retry-After is obeyed within them.
//
//   - For one tenant a bounded number of calls is at work at once; answers are kept only where the host asks for it (Config.CacheFor).
//
// The map: client.go and request.go (where the token goes, tries and waiting), turns.go, cache.go; groups.go, assigned.go, form.go and names.go (groups, and as
// what they are told), batch.go (many questions in one request), profile.go, photo.go, account.go; errors.go.
//
// Errors are [*Error], or *aadsts.Error with Claims where Graph wants a stronger sign-in first. Everything else is trouble on the way.
//
// Source: https://learn.microsoft.com/graph/overview
package graph
