package provisioningtest

import (
	"context"
	"testing"

	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Users runs the contract of provisioning.UserStore against stores that open returns, each one empty. A host whose addresses
// are unique passes too: the suite sees provisioning.ErrEmailTaken and holds the host to it.
//
// Each check is a subtest with a store of its own; open may use t.Cleanup to put it away.
func Users(t *testing.T, open func(t *testing.T) provisioning.UserStore) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// tb is the part of *testing.T that a check uses, so that the suite's own tests can watch checks fail on stores that are broken on
// purpose. As with testing.T, Fatalf ends the goroutine and is called on the check's own.
type tb interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// check is one part of the contract.
type check struct {
	name string
	run  func(t tb, s provisioning.UserStore)
}

var checks = []check{
	{"not found", checkNotFound},
	{"round trip", checkRoundTrip},
	{"order of keys", checkKeyOrder},
	{"pending keys", checkPendingKey},
	{"addresses", checkAddresses},
	{"one address, several users", checkSharedAddress},
	{"unique keys", checkUniqueKeys},
	{"one key of a connection", checkOneKeyPerConnection},
	{"dropped keys", checkDropKeys},
	{"unique pending identities", checkUniquePending},
	{"invalid changes", checkInvalid},
	{"identifiers byte for byte", checkIdentifiers},
	{"long values", checkLong},
	{"times", checkTimes},
	{"nil leaves alone", checkLeavesAlone},
	{"a pointer replaces", checkReplaces},
	{"joining", checkJoin},
	{"versions", checkVersions},
	{"values are the caller's", checkCopies},
	{"cancelled context", checkCancelled},
	{"race to create", checkRaceCreate},
	{"race to link", checkRaceLink},
	{"race on a version", checkRaceVersion},
	{"race for a pending identity", checkRacePending},
}
