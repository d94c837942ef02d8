package entra

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
)

// enriched is what Graph, or the token, said beyond the identity itself.
type enriched struct {
	groupsFrom string
	photo      *graph.Photo
}

// enrich completes an identity from Microsoft Graph, for both protocols: groups, the extended profile, the photo. Where Graph does not answer, the
// sign-in goes on with what is known for certain, or is refused if the connection wants that of groups; a claims challenge, which the person can meet, always ends it.
func (s *Service) enrich(ctx context.Context, t Target, id *claims.Identity, token *credential.Token) (got enriched, err error) {
	c := t.Connection
	if err := tokenGroups(c, id); err != nil {
		return got, err
	}
	who := s.callers(t, id, token)
	groups := s.lookup(t, id, who)
	if groups == nil && (who.any().Token == nil || !c.ExtendedProfile && !c.Profile.Photo) {
		got.groupsFrom, err = s.settleGroups(ctx, c, id, nil)
		return got, err
	}
	ctx, done := s.cfg.Observer.Start(ctx, "enrich")
	defer func() { done(err) }()
	within, cancel := context.WithTimeout(ctx, s.cfg.EnrichTimeout)
	defer cancel()

	var profileErr, photoErr error
	var all sync.WaitGroup
	if groups != nil {
		all.Go(func() { groups.ask(within, s.graph, id.Groups) })
	}
	if c.ExtendedProfile && who.any().Token != nil {
		all.Go(func() { id.Extended, profileErr = s.profile(within, who.any(), c.Profile) })
	}
	if c.Profile.Photo && who.any().Token != nil {
		all.Go(func() { got.photo, photoErr = s.graph.Photo(within, who.any(), maxPhoto) })
	}
	all.Wait()

	for what, failed := range map[string]error{"the extended profile": profileErr, "the photo": photoErr} {
		if failed != nil {
			s.log.WarnContext(ctx, "Graph did not say everything", "what", what, "connection", c.ID, "error", failed)
		}
	}
	if groups != nil && challenged(groups.err) {
		return enriched{}, groups.err
	}
	if challenged(profileErr) {
		return enriched{}, profileErr
	}
	got.groupsFrom, err = s.settleGroups(ctx, c, id, groups)
	return got, err
}

// profile asks for the extended profile. A manager takes a permission of its own; without it the rest comes alone.
func (s *Service) profile(ctx context.Context, as graph.Caller, o ProfileOptions) (map[string]any, error) {
	fields := slices.Clone(o.Fields)
	if len(fields) == 0 {
		fields = graph.DefaultProfile()
	}
	if !o.Manager {
		return s.graph.Profile(ctx, as, fields)
	}
	profile, err := s.graph.Profile(ctx, as, append(slices.Clone(fields), "manager"))
	var refused *graph.Error
	if errors.As(err, &refused) && refused.Status == http.StatusForbidden {
		return s.graph.Profile(ctx, as, fields)
	}
	return profile, err
}

// graphCallers are as whom Graph can be asked: as the person with the delegated token if its scopes suffice, and as the application itself. Neither
// is to be had where the identity is not Entra's (AD FS) or the connection has no credential; one without a Token is not there.
type graphCallers struct {
	me, app graph.Caller
	scope   string // of the delegated token
}

// any is who asks about the person alone.
func (g graphCallers) any() graph.Caller {
	if g.me.Token != nil {
		return g.me
	}
	return g.app
}

// forGroups is who asks for groups: what takes a permission beyond one's own account is for the application to ask, unless the person's token has it.
func (g graphCallers) forGroups(q graph.GroupQuery) graph.Caller {
	wants := []string{"user.read", "user.readwrite", "user.read.all", "directory.read.all"}
	switch {
	case q.AssignedTo != "":
		wants = []string{"directory.read.all"}
	case q.Names || q.Form != graph.FormObjectID:
		wants = []string{"groupmember.read.all", "group.read.all", "directory.read.all"}
	}
	if g.app.Token != nil && (g.me.Token == nil || !grants(g.scope, wants...)) {
		return g.app
	}
	return g.me
}

func (s *Service) callers(t Target, id *claims.Identity, token *credential.Token) graphCallers {
	if t.Cloud.Graph == "" || id.TenantID == "" || id.ObjectID == "" {
		return graphCallers{}
	}
	as := graph.Caller{Cloud: t.Cloud, Tenant: id.TenantID, App: t.Connection.ClientID, User: id.ObjectID}
	got := graphCallers{me: as, app: as}
	if token != nil && !token.Access.IsZero() && mayReadSelf(token.Scope) {
		got.me.Me, got.scope = true, token.Scope
		got.me.Token = func(context.Context) (string, error) { return token.Access.Reveal(), nil }
	}
	if t.Credential != nil {
		got.app.Token = func(ctx context.Context) (string, error) {
			app, err := s.tokens.AppToken(ctx, credential.Request{
				Cloud: t.Cloud, Tenant: id.TenantID, ClientID: t.Connection.ClientID, Credential: t.Credential,
				Form: url.Values{"scope": {t.Cloud.Graph + "/.default"}},
			})
			if err != nil {
				return "", err
			}
			return app.Access.Reveal(), nil
		}
	}
	return got
}

// mayReadSelf reports whether one of the granted scopes lets the person read their own user object and memberships.
// https://learn.microsoft.com/graph/api/user-list-transitivememberof
func mayReadSelf(scope string) bool {
	return grants(scope, "user.read", "user.readwrite", "user.read.all", "directory.read.all")
}

// grants reports whether one of the granted scopes is one of those wanted, which are in lower case.
func grants(scope string, wanted ...string) bool {
	return slices.ContainsFunc(strings.Fields(scope), func(one string) bool {
		one = one[strings.LastIndexByte(one, '/')+1:] // "https://graph.microsoft.com/User.Read" and "User.Read" are one
		return slices.Contains(wanted, strings.ToLower(one))
	})
}

func challenged(err error) bool {
	var e *ProviderError
	return errors.As(err, &e) && e.Claims != ""
}
