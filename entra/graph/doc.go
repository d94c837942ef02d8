// Package graph is a small Microsoft Graph client: a person's groups beyond what a token holds, names of groups, profile and photo.
//
// What it promises, whatever a token, a response or a link says:
//
//   - A bearer token goes to the Graph host of the configured cloud and nowhere else: no redirect is followed, and an
//     @odata.nextLink only on that very scheme and host.
//   - A list is whole or an error. There is no way to get the first pages of one.
//   - What a delegated token answers as /me is checked to be about the person that was asked for.
//   - Pages, bytes, tries and time are bounded; Retry-After is obeyed within them.
//
// Errors are [*Error], or *aadsts.Error with Claims where Graph wants a stronger sign-in first. Everything else is trouble on the way.
//
// Source: https://learn.microsoft.com/graph/overview
package graph
