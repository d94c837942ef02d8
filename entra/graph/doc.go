// Package graph is a small Microsoft Graph client: a person's groups beyond what a token holds, names of groups, profile and photo.
//
// A bearer token goes only to the Graph host of the configured cloud; a list is whole or an error.
package graph
