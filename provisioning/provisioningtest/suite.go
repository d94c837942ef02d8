package provisioningtest

import (
	"testing"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Users runs the contract of provisioning.UserStore against stores that open returns, each one empty. A host whose addresses
// are unique passes too: the suite sees provisioning.ErrEmailTaken and holds the host to it. A store that is a provisioning.UserReader, UserLister,
// UserEraser, BulkFinder or BulkCreator is held to that as well; the checks of what it is not are skipped.
//
// Each check is a subtest with a store of its own; open may use t.Cleanup to put it away.
func Users(t *testing.T, open func(t *testing.T) provisioning.UserStore) {
	t.Helper()
	contract.Run(t, checks, open)
}

var checks = []contract.Check[provisioning.UserStore]{
	{Name: "not found", Run: checkNotFound},
	{Name: "round trip", Run: checkRoundTrip},
	{Name: "order of keys", Run: checkKeyOrder},
	{Name: "pending keys", Run: checkPendingKey},
	{Name: "addresses", Run: checkAddresses},
	{Name: "one address, several users", Run: checkSharedAddress},
	{Name: "addresses byte for byte", Run: checkAddressBytes},
	{Name: "unique keys", Run: checkUniqueKeys},
	{Name: "one key of a connection", Run: checkOneKeyPerConnection},
	{Name: "dropped keys", Run: checkDropKeys},
	{Name: "unique pending identities", Run: checkUniquePending},
	{Name: "invalid changes", Run: checkInvalid},
	{Name: "identifiers byte for byte", Run: checkIdentifiers},
	{Name: "long values", Run: checkLong},
	{Name: "times", Run: checkTimes},
	{Name: "nil leaves alone", Run: checkLeavesAlone},
	{Name: "a pointer replaces", Run: checkReplaces},
	{Name: "joining", Run: checkJoin},
	{Name: "versions", Run: checkVersions},
	{Name: "values are the caller's", Run: checkCopies},
	{Name: "cancelled context", Run: checkCancelled},
	{Name: "race to create", Run: checkRaceCreate},
	{Name: "race to link", Run: checkRaceLink},
	{Name: "race on a version", Run: checkRaceVersion},
	{Name: "race for a pending identity", Run: checkRacePending},
	{Name: "race for an address", Run: checkRaceAddress},
	{Name: "one user by id", Run: checkReader, Needs: needsReader},
	{Name: "listing", Run: checkListing, Needs: needsLister},
	{Name: "long listings", Run: checkListingPages, Needs: needsLister},
	{Name: "erasing", Run: checkErase, Needs: needsEraser},
	{Name: "race to erase", Run: checkEraseRace, Needs: needsEraser},
	{Name: "finding many", Run: checkFindMany, Needs: needsFinder},
	{Name: "finding very many", Run: checkFindManyMore, Needs: needsFinder},
	{Name: "many at once", Run: checkBulk, Needs: needsBulk},
	{Name: "many at once, again", Run: checkBulkAgain, Needs: needsBulk},
}
