package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// Account is the state of a person's account in the tenant, as an administrator sees it.
type Account struct {
	Exists  bool // false: deleted
	Enabled bool // may sign in to the tenant at all
	// Gone, of a deleted account: it is past the 30 days in which it can be restored, or was removed for good. False also where Graph does not let us look.
	Gone bool
	// Assigned says whether the person is assigned to the application that was asked about: directly, or as a direct member of a group that is.
	Assigned Assignment
}

// Assignment is what is known of a person's assignment to an application.
type Assignment int

// The assignments.
const (
	AssignmentUnknown Assignment = iota // not asked, or the permission is missing
	Assigned
	Unassigned
)

// Principal is an application in a tenant.
type Principal struct {
	ID                 string // object id of the service principal
	AssignmentRequired bool   // only who is assigned to it may sign in
}

// Account asks for the state of as.User. assignedTo is the Principal.ID of the application whose assignment is asked for; "" asks for none. It takes an app-only token:
// nobody else can ask about an account that is disabled.
//
// Permissions: User.Read.All; for the assignment Directory.Read.All, without which it is AssignmentUnknown. The assignment is read from an index that
// may lag behind by minutes.
//
// Sources: https://learn.microsoft.com/graph/api/user-get, https://learn.microsoft.com/graph/api/directory-deleteditems-get and
// https://learn.microsoft.com/graph/api/user-list-approleassignments
func (c *Client) Account(ctx context.Context, as Caller, assignedTo string) (Account, error) {
	if as.Me {
		return Account{}, errors.New("graph: an account's state is asked for with an app-only token")
	}
	if assignedTo != "" && !cloud.IsGUID(assignedTo) {
		return Account{}, errors.New("graph: the application is not an object id")
	}
	ctx, cancel, s, err := c.begin(ctx, as, true)
	if err != nil {
		return Account{}, err
	}
	defer cancel()
	var user struct {
		ID             string `json:"id"`
		AccountEnabled *bool  `json:"accountEnabled"`
	}
	err = s.getJSON(ctx, s.at("", url.Values{"$select": {"id,accountEnabled"}}), &user)
	switch {
	case missing(err):
		gone, err := s.gone(ctx)
		return Account{Gone: gone}, err
	case err != nil:
		return Account{}, err
	}
	if err := s.checkUser(user.ID); err != nil {
		return Account{}, err
	}
	if user.AccountEnabled == nil { // null where the permission does not cover it
		return Account{}, fmt.Errorf("graph: %w: whether an account is enabled takes the permission User.Read.All", ErrIncomplete)
	}
	a := Account{Exists: true, Enabled: *user.AccountEnabled}
	if a.Enabled && assignedTo != "" {
		a.Assigned, err = s.assignment(ctx, strings.ToLower(assignedTo))
	}
	return a, err
}

// gone looks for a deleted account among those that can be restored.
func (s *session) gone(ctx context.Context) (bool, error) {
	var item struct {
		ID string `json:"id"`
	}
	err := s.getJSON(ctx, s.path("directory/deletedItems/"+s.user, nil), &item)
	switch {
	case missing(err):
		return true, nil
	case forbidden(err):
		return false, nil
	case err != nil:
		return false, err
	}
	return false, s.checkUser(item.ID)
}

func (s *session) assignment(ctx context.Context, principal string) (Assignment, error) {
	found, err := s.assignments(ctx, principal)
	switch {
	case forbidden(err):
		return AssignmentUnknown, nil
	case err != nil:
		return AssignmentUnknown, err
	case len(found) > 0:
		return Assigned, nil
	}
	return Unassigned, nil
}

// Principal returns an application, by its client id, as the caller's tenant has it. as.User is not looked at.
//
// Permissions: Application.Read.All, without which the error is *Error with Status 403.
//
// Source: https://learn.microsoft.com/graph/api/serviceprincipal-get
func (c *Client) Principal(ctx context.Context, as Caller, clientID string) (Principal, error) {
	if !cloud.IsGUID(clientID) {
		return Principal{}, errors.New("graph: the application is not a client id")
	}
	ctx, cancel, s, err := c.begin(ctx, as, false)
	if err != nil {
		return Principal{}, err
	}
	defer cancel()
	return s.principal(ctx, clientID)
}

func (s *session) principal(ctx context.Context, clientID string) (Principal, error) {
	var p struct {
		ID       string `json:"id"`
		Required *bool  `json:"appRoleAssignmentRequired"`
	}
	u := s.path("servicePrincipals(appId='"+strings.ToLower(clientID)+"')", url.Values{"$select": {"id,appRoleAssignmentRequired"}})
	if err := s.getJSON(ctx, u, &p); err != nil {
		return Principal{}, err
	}
	if !cloud.IsGUID(p.ID) || p.Required == nil {
		return Principal{}, fmt.Errorf("graph: %w: the application's answer", ErrIncomplete)
	}
	return Principal{ID: strings.ToLower(p.ID), AssignmentRequired: *p.Required}, nil
}

// missing reports whether Graph itself says that there is no such object: any other 404 may come from whatever stands between.
func missing(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.Code == "Request_ResourceNotFound"
}

func forbidden(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == http.StatusForbidden
}
