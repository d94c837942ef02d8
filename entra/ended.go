package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Ended is a person whose sessions, begun through the connection, should end.
type Ended struct {
	User *provisioning.User
	Key  provisioning.Key // at the connection
	// All says that every session of theirs through the connection should end. Otherwise it depends on the session's application and organization: Change.EndsSession knows.
	All bool
}

// Ended yields everybody of whom sessions should end after a connection was changed, in the order of the users' ids; the host calls it from RegistrarConfig.Audit, or
// later, with what the Change holds. It is for hosts that find sessions by user; others ask Change.EndsSession of each session. Nothing is written; what still waits
// for a first sign-in is ended by provisioning.Provisioner.DropAllPending.
//
// An error ends the listing: *Error with KindConfiguration where Config.Users is no provisioning.UserLister, KindUnavailable where the store failed.
func (s *Service) Ended(ctx context.Context, ch Change) iter.Seq2[Ended, error] {
	return func(yield func(Ended, error) bool) {
		if ch.SessionsEnd() == SessionsGoOn {
			return
		}
		lister, ok := s.cfg.Users.(provisioning.UserLister)
		if !ok {
			yield(Ended{}, NewError(KindConfiguration, errors.New("whose sessions end can be told only over a user store that is a provisioning.UserLister")))
			return
		}
		for u, err := range lister.Users(ctx, provisioning.UserFilter{ConnectionID: ch.Before.ID}) {
			if err != nil {
				yield(Ended{}, NewError(KindUnavailable, fmt.Errorf("listing users: %w", err)))
				return
			}
			key, holds := u.KeyAt(ch.Before.ID)
			all, some := ch.endsFor(key)
			if holds && (all || some) && !yield(Ended{User: u, Key: key, All: all}, nil) {
				return
			}
		}
	}
}

// endsFor tells whether all of a person's sessions should end, or some may have to.
func (ch *Change) endsFor(key provisioning.Key) (all, some bool) {
	before, after := ch.Before, ch.After
	switch ch.SessionsEnd() {
	case SessionsDeleted, SessionsSwitchedOff:
		return true, false
	}
	tenant := key.Authority
	if after.ADFS() {
		tenant = "" // the key's authority is an issuer
	}
	all = provider(before) != provider(after) || tenant != "" && !after.admits(tenant)
	some = before.OrganizationID != after.OrganizationID || before.AllApplications != after.AllApplications ||
		!slices.Equal(before.Organizations, after.Organizations) || !slices.Equal(before.EnabledApplications, after.EnabledApplications)
	return all, some && !all
}
