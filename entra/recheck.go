package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/entra/graph"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// AccountState is what became of a person's account at Entra. The words are stable.
type AccountState string

// The states.
const (
	AccountUnknown    AccountState = "unknown"    // Entra could not be asked, or did not say: nothing follows from it
	AccountActive     AccountState = "active"     // may sign in, as far as was looked: see Recheck.AssignmentChecked
	AccountDisabled   AccountState = "disabled"   // an administrator switched the account off
	AccountDeleted    AccountState = "deleted"    // the tenant has no such account: see Recheck.Gone
	AccountUnassigned AccountState = "unassigned" // the application requires assignment, and the person has none
)

// Recheck is the answer of Service.Recheck.
type Recheck struct {
	State AccountState
	At    time.Time // when it was asked, UTC
	By    string    // "refresh" or "graph": whose word it is; "" with AccountUnknown
	// Gone, of a deleted account, says that nobody can restore it any more: a host that erases people waits for it. False also where Entra does not let us look.
	Gone bool
	// AssignmentChecked says that an active account is also assigned to the application, or that it requires no assignment. False where the application may not
	// read this (Application.Read.All and Directory.Read.All), and then an unassigned person counts as active.
	AssignmentChecked bool
	// SignInAgain says that the refresh token is of no use any more: it was revoked, has expired, or a policy asks for the person.
	SignInAgain bool
	// Identity and Tokens are what the refresh brought; nil without one. The new refresh token takes the place of the old one. This asks about the account alone: groups
	// are not known here, and whether the person is in a required one is what Service.Refresh says.
	Identity *claims.Identity
	Tokens   *credential.Token
}

// RecheckOptions of one recheck. The zero value asks Graph.
type RecheckOptions struct {
	// Refresh is the person's refresh token, if the host kept one: it is asked first, since it says what a sign-in would say, policies of the tenant included.
	Refresh credential.Secret
}

// Recheck asks Entra what became of a person's account: by their refresh token, and where there is none, or it is refused, by Microsoft Graph with the
// application's own permissions (User.Read.All). Nothing is provisioned and nothing written; what to do with a person who is not active is for the host to say.
//
// Errors: always *Error, and then the state is AccountUnknown. KindDisabled: the connection is off, or no longer leads to the person's tenant. KindConfiguration: nobody can
// be asked (AD FS, no credential, a permission is missing). KindUnavailable with Retry: trouble that passes, throttling included.
func (s *Service) Recheck(ctx context.Context, person provisioning.Key, o RecheckOptions) (Recheck, error) {
	attempt := newAttempt()
	ctx, done := s.cfg.Observer.Start(ctx, "recheck")
	r, err := s.recheck(ctx, person, o)
	done(err)
	if err != nil {
		e := asError(err)
		e.ConnectionID = person.ConnectionID
		return r, s.fail(ctx, "recheck", attempt, nil, e)
	}
	return r, nil
}

func (s *Service) recheck(ctx context.Context, person provisioning.Key, o RecheckOptions) (Recheck, error) {
	c, err := s.rechecker(ctx, person.ConnectionID)
	if err != nil {
		return s.unknown(), err
	}
	return c.recheck(ctx, person, o)
}

func (s *Service) unknown() Recheck { return Recheck{State: AccountUnknown, At: s.now().UTC()} }

// rechecker asks about people of one connection.
type rechecker struct {
	*Service
	target Target
	driver Driver

	mu         sync.Mutex
	principals map[string]graph.Principal // by tenant; as far as it was asked
}

func (s *Service) rechecker(ctx context.Context, connectionID string) (*rechecker, error) {
	c, err := s.connection(ctx, connectionID)
	if err != nil {
		return nil, err
	}
	if !c.Enabled {
		return nil, NewError(KindDisabled, fmt.Errorf("connection %s is switched off", c.ID))
	}
	t, driver, err := s.target(ctx, c)
	if err != nil {
		return nil, err
	}
	return &rechecker{Service: s, target: t, driver: driver, principals: map[string]graph.Principal{}}, nil
}

func (r *rechecker) recheck(ctx context.Context, person provisioning.Key, o RecheckOptions) (Recheck, error) {
	c := r.target.Connection
	who := &claims.Identity{TenantID: person.Authority, ObjectID: person.Subject}
	if !claims.IsGUID(who.TenantID) || !claims.IsGUID(who.ObjectID) {
		return r.unknown(), NewError(KindConfiguration, fmt.Errorf("connection %s: the person is not known by a tenant id and an object id", c.ID))
	}
	if !c.admits(who.TenantID) {
		return r.unknown(), NewError(KindDisabled, fmt.Errorf("connection %s does not lead to the person's tenant any more", c.ID))
	}
	out := r.unknown()
	var refused *ProviderError
	if !o.Refresh.IsZero() {
		var err error
		out, err = r.byRefresh(ctx, who, o.Refresh)
		if err == nil || !errors.As(err, &refused) || refused.Retry {
			return out, err
		}
		out.SignInAgain = refused.SignInAgain()
	}
	as := r.callers(r.target, who, nil).app
	if as.Token == nil {
		if refused != nil {
			return byNumber(out, refused)
		}
		return out, NewError(KindConfiguration, fmt.Errorf("connection %s: nobody can be asked about an account: it needs a refresh token, or Entra and a credential", c.ID))
	}
	return r.byGraph(ctx, as, out)
}

func (r *rechecker) byRefresh(ctx context.Context, who *claims.Identity, refresh credential.Secret) (Recheck, error) {
	out := r.unknown()
	refresher, ok := r.driver.(Refresher)
	if !ok {
		return out, NewError(KindConfiguration, fmt.Errorf("connection %s: there are no tokens to refresh over %q", r.target.Connection.ID, r.target.Connection.Strategy))
	}
	id, token, err := refresher.Refresh(ctx, r.target, refresh, who)
	if err != nil {
		return out, err
	}
	if err := tokenGroups(r.target.Connection, id); err != nil { // where they are emitted as roles, or as another claim, they are groups and nothing else
		return out, err
	}
	id.Groups = claims.Groups{} // and those nobody has settled
	out.State, out.By, out.AssignmentChecked, out.Identity, out.Tokens = AccountActive, "refresh", true, id, token
	return out, nil
}

// byNumber reads a refused refresh where Graph cannot be asked. Entra's numbers are advice; these three have meant one thing for years, and what is not among them says nothing
// about the account (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
func byNumber(out Recheck, refused *ProviderError) (Recheck, error) {
	state, ok := map[int]AccountState{50057: AccountDisabled, 50034: AccountDeleted, 50105: AccountUnassigned}[refused.Code]
	if !ok {
		return out, refused
	}
	out.State, out.By = state, "refresh"
	return out, nil
}

func (r *rechecker) byGraph(ctx context.Context, as graph.Caller, out Recheck) (Recheck, error) {
	principal, known := r.principal(ctx, as)
	assignedTo := ""
	if known && principal.AssignmentRequired {
		assignedTo = principal.ID
	}
	a, err := r.graph.Account(ctx, as, assignedTo)
	if err != nil {
		return out, graphError(err)
	}
	out.By, out.Gone = "graph", a.Gone
	switch {
	case !a.Exists:
		out.State = AccountDeleted
	case !a.Enabled:
		out.State = AccountDisabled
	case a.Assigned == graph.Unassigned:
		out.State = AccountUnassigned
	default:
		out.State = AccountActive
		out.AssignmentChecked = known && (!principal.AssignmentRequired || a.Assigned == graph.Assigned)
	}
	return out, nil
}

// principal asks once for each tenant whether the application requires assignment; false where that cannot be learned.
func (r *rechecker) principal(ctx context.Context, as graph.Caller) (graph.Principal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, asked := r.principals[as.Tenant]
	if asked {
		return p, p.ID != ""
	}
	p, err := r.graph.Principal(ctx, as, r.target.Connection.ClientID)
	if err != nil {
		r.log.InfoContext(ctx, "Graph did not say whether the application requires assignment", "connection", r.target.Connection.ID, "error", err)
		p = graph.Principal{}
	}
	var refused *graph.Error
	if err == nil || errors.As(err, &refused) && !refused.Retry { // trouble that passes is asked about again
		r.principals[as.Tenant] = p
	}
	return p, p.ID != ""
}

// graphError says what a refusal of Graph's means to the host. Entra's own errors, met on the way to a token, pass as they are.
func graphError(err error) error {
	var refused *graph.Error
	switch {
	case !errors.As(err, &refused):
		return err
	case refused.Retry:
		return NewError(KindUnavailable, err)
	}
	e := NewError(KindConfiguration, err)
	e.Public, e.Mender = refused.Public(), refused.Mender
	if refused.Status == http.StatusUnauthorized {
		e.Mender = aadsts.MenderAppOwner // it was the application's own token
	}
	return e
}
