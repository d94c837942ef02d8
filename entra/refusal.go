package entra

import "github.com/tenantdoor/tenantdoor/provisioning"

// refusalText is what a person reads when provisioning refused them; what is not here reads as KindRefused does.
var refusalText = map[provisioning.Reason]string{}
