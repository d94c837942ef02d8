package entra

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
)

// Where a person's groups come from.
const (
	groupsFromToken  = "token"
	groupsFromGraph  = "graph"
	groupsFromBefore = "before"
)

// enrich completes an identity from Microsoft Graph, for both protocols: groups past the token's limit, and the extended profile. When
// Graph does not answer the sign-in goes on with what is known for certain; only a claims challenge, which the person can meet, ends it.
func (s *Service) enrich(ctx context.Context, t Target, id *claims.Identity, token *credential.Token) (groupsFrom string, err error) {
	c := t.Connection
	if !c.UserGroups {
		id.Groups = claims.Groups{} // not asked for, not passed on
	}
	if _, known := id.Groups.Known(); known {
		groupsFrom = groupsFromToken
	}
	// The token lists all groups or says nothing, so absent means overage, none, or that the application emits none.
	askGroups := c.UserGroups && groupsFrom == ""
	as, ok := s.caller(t, id, token)
	if !ok || !askGroups && !c.ExtendedProfile {
		return groupsFrom, nil
	}
	ctx, done := s.cfg.Observer.Start(ctx, "enrich")
	defer func() { done(err) }()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.EnrichTimeout)
	defer cancel()

	var list []claims.Group
	var groupsErr, profileErr error
	var both sync.WaitGroup
	if askGroups {
		both.Go(func() { list, groupsErr = s.graph.Groups(ctx, as, graph.GroupQuery{Names: true}) })
	}
	if c.ExtendedProfile {
		both.Go(func() { id.Extended, profileErr = s.graph.Profile(ctx, as, nil) })
	}
	both.Wait()

	if challenged(groupsErr) {
		return "", groupsErr
	}
	if challenged(profileErr) {
		return "", profileErr
	}
	switch {
	case groupsErr != nil:
		s.log.WarnContext(ctx, "Graph did not say the groups", "connection", c.ID, "error", groupsErr)
	case askGroups:
		id.Groups, groupsFrom = claims.KnownGroups(list), groupsFromGraph
	}
	if profileErr != nil {
		id.Extended = nil
		s.log.WarnContext(ctx, "Graph did not say the extended profile", "connection", c.ID, "error", profileErr)
	}
	return groupsFrom, nil
}

// groupsBefore falls back on the groups that the user had at an earlier sign-in, while they are young enough.
func (s *Service) groupsBefore(in *SignIn) {
	if _, known := in.groups.Known(); known || !in.Connection.UserGroups || in.User == nil || in.User.GroupsAt.IsZero() {
		return
	}
	if age := s.now().Sub(in.User.GroupsAt); age >= 0 && age <= s.cfg.GroupsMaxAge { // of the future is of no known time
		in.groups, in.GroupsFrom = claims.KnownGroups(in.User.Groups), groupsFromBefore
	}
}

// caller says as whom Graph is asked: as the person with the delegated token if its scopes suffice, else as the application itself. Neither
// is to be had where the identity is not Entra's (AD FS) or the connection has no credential.
func (s *Service) caller(t Target, id *claims.Identity, token *credential.Token) (graph.Caller, bool) {
	if t.Cloud.Graph == "" || id.TenantID == "" || id.ObjectID == "" {
		return graph.Caller{}, false
	}
	as := graph.Caller{Cloud: t.Cloud, Tenant: id.TenantID, User: id.ObjectID}
	if token != nil && !token.Access.IsZero() && mayReadSelf(token.Scope) {
		as.Me = true
		as.Token = func(context.Context) (string, error) { return token.Access.Reveal(), nil }
		return as, true
	}
	if t.Credential == nil {
		return graph.Caller{}, false
	}
	as.Token = func(ctx context.Context) (string, error) {
		app, err := s.tokens.AppToken(ctx, credential.Request{
			Cloud: t.Cloud, Tenant: id.TenantID, ClientID: t.Connection.ClientID, Credential: t.Credential,
			Form: url.Values{"scope": {t.Cloud.Graph + "/.default"}},
		})
		if err != nil {
			return "", err
		}
		return app.Access.Reveal(), nil
	}
	return as, true
}

// mayReadSelf reports whether one of the granted scopes lets the person read their own user object and memberships.
// https://learn.microsoft.com/graph/api/user-list-transitivememberof
func mayReadSelf(scope string) bool {
	return slices.ContainsFunc(strings.Fields(scope), func(one string) bool {
		one = one[strings.LastIndexByte(one, '/')+1:] // "https://graph.microsoft.com/User.Read" and "User.Read" are one
		switch strings.ToLower(one) {
		case "user.read", "user.readwrite", "user.read.all", "directory.read.all":
			return true
		}
		return false
	})
}

func challenged(err error) bool {
	var e *ProviderError
	return errors.As(err, &e) && e.Claims != ""
}
