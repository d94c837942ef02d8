package oauth2

import (
	"errors"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

// refusals says what a person reads when a check failed, and who mends it; for the other checks entra's own words do.
var refusals = map[Check]struct {
	public string
	mender aadsts.Mender
}{
	CheckState:       {"This answer belongs to another sign-in. Please sign in again.", aadsts.MenderUser},
	CheckNonce:       {"This answer belongs to another sign-in. Please sign in again.", aadsts.MenderUser},
	CheckTenant:      {"You signed in with an account of an organization that is not admitted here. Please sign in again with the account of your organization.", aadsts.MenderUser},
	CheckFreshness:   {"You were asked to sign in anew, and your organization's sign-in page did not confirm that you did. Please sign in again; if it happens again, tell your administrator.", aadsts.MenderAppOwner},
	CheckDemand:      {"You were asked for a further step, and your organization's sign-in page did not confirm that you took it. Please sign in again; if it happens again, tell your administrator.", aadsts.MenderAppOwner},
	CheckPerson:      {"Another person's sign-in came back. Please sign in again.", aadsts.MenderUser},
	CheckAudience:    {"Your organization's sign-in page answered for another application. Please tell your administrator to check the client id.", aadsts.MenderAppOwner},
	CheckParty:       {"Your organization's sign-in page answered for another application. Please tell your administrator to check the client id.", aadsts.MenderAppOwner},
	CheckExpired:     {"The answer of your organization's sign-in page has expired. Please sign in again; if it happens again, our clock may be wrong: please tell support.", aadsts.MenderHost},
	CheckNotYetValid: {"The answer of your organization's sign-in page is not valid yet: our clock may be wrong. Please sign in again in a few minutes.", aadsts.MenderHost},
	CheckIssuedAt:    {"The answer of your organization's sign-in page is not valid yet, or too old: our clock may be wrong. Please sign in again in a few minutes.", aadsts.MenderHost},
}

// failure says to entra what an error means. Entra's own errors pass as they are.
func failure(err error) error {
	var refused *VerificationError
	var provider *aadsts.Error
	var metadata *MetadataError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		e := entra.NewError(entra.KindToken, err)
		if r, ok := refusals[refused.Check]; ok {
			e.Public, e.Mender = r.public, r.mender
		}
		return e
	case errors.As(err, &provider):
		return err
	case errors.Is(err, ErrInvalid), errors.As(err, &metadata):
		return entra.NewError(entra.KindConfiguration, err)
	case errors.Is(err, errState):
		return entra.NewError(entra.KindFlow, err)
	}
	return entra.NewError(entra.KindUnavailable, err)
}
