package entra

import "github.com/tenantdoor/tenantdoor/provisioning"

// refusalText is what a person reads when provisioning refused them. What is not here reads as KindRefused does. None tells whether another
// account exists: whoever reads it may not be who they say they are.
var refusalText = map[provisioning.Reason]string{
	provisioning.ReasonNoAccount:        "We can't find your account. Please ask your administrator to create one for you.",
	provisioning.ReasonSuspended:        "Your account is suspended. Please ask your administrator.",
	provisioning.ReasonPendingExpired:   "Your invitation has expired. Please ask your administrator to renew it.",
	provisioning.ReasonPendingNotMember: "This account is a guest or personal account. Please sign in with your work account, or ask your administrator.",
}
