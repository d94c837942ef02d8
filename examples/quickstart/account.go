package main

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

type accountView struct {
	Name, Initials, Address, Connection, ConnectionID, Protocol string
	Verdict, Why, Reason, Joined, Changed, UserID               string
	Confirmed                                                   bool
	Evidence                                                    []claims.Evidence
	Groups                                                      []claims.Group
	GroupsFrom                                                  string
	Roles                                                       []string // of the application, from the token
	Grants                                                      []string // roles of this host's, and why
	Extended                                                    []claimView
	Tenant, Object, Issuer, Kind, Attempt                       string
	IDToken, AccessToken                                        string
}

// protocols are the strategies in words.
var protocols = map[entra.Strategy]string{
	entra.OAuth2: "OAuth 2.0",
	entra.WSFed:  "WS-Federation",
}

var verdicts = map[provisioning.Action]string{
	provisioning.ActionSignIn: "Signed in as the user we know.",
	provisioning.ActionLink:   "Linked to an existing user.",
	provisioning.ActionCreate: "A new user was created.",
}

// wouldBe are the verdicts of a test sign-in.
var wouldBe = map[provisioning.Action]string{
	provisioning.ActionSignIn: "They would be signed in as the user we know.",
	provisioning.ActionLink:   "They would be linked to an existing user.",
	provisioning.ActionCreate: "A new user would be created.",
	provisioning.ActionVerify: "They would have to verify their address first.",
	provisioning.ActionRefuse: "They would be refused.",
}

func kindText(k claims.Kind) string { return cmp.Or(kinds[k], "Not said; treated as a guest") }

func joinNames(given, family string) string { return strings.TrimSpace(given + " " + family) }

var kinds = map[claims.Kind]string{
	claims.KindMember:   "Member of the tenant",
	claims.KindGuest:    "Guest of the tenant",
	claims.KindPersonal: "Personal Microsoft account",
	claims.KindExternal: "External identity",
}

var groupSources = map[string]string{
	"token":  "from the token",
	"graph":  "from Microsoft Graph",
	"before": "from an earlier sign-in, as this one could not learn them",
}

// howManyGroups also says where they come from. Unknown is not none.
func howManyGroups(groups []claims.Group, known bool, from string) string {
	switch {
	case !known:
		return "Not known. Tokens then say nothing of groups."
	case len(groups) == 0:
		return "None, " + groupSources[from] + "."
	case len(groups) == 1:
		return "One, " + groupSources[from] + "."
	}
	return fmt.Sprintf("%d, %s.", len(groups), groupSources[from])
}

func accountViewOf(in *entra.SignIn, idToken, accessToken string) accountView {
	id, d := in.Identity, in.Decision
	name := personName(id)
	groups, known := in.Groups()
	v := accountView{
		Name: name, Initials: initials(name), Address: cmp.Or(id.Email.Address, id.Username),
		Connection: cmp.Or(in.Connection.DisplayName, in.Connection.Name), ConnectionID: in.Connection.ID, Protocol: protocols[in.Connection.Strategy],
		Verdict: verdicts[d.Action], Why: sentence(d.Reason.Explain()), Reason: string(d.Reason), Joined: d.Joined, Changed: strings.Join(d.Changed, ", "),
		Confirmed: d.Confirmed, Evidence: d.Evidence,
		Groups: groups, GroupsFrom: howManyGroups(groups, known, in.GroupsFrom),
		Tenant: id.TenantID, Object: id.ObjectID, Issuer: id.Issuer, Kind: kindText(id.Kind), Attempt: in.Attempt,
		Roles: id.Roles, Grants: grantTexts(in.Grants()), Extended: claimViews(id.Extended),
		IDToken: idToken, AccessToken: accessToken,
	}
	if in.User != nil {
		v.UserID = in.User.ID
	}
	return v
}

// initials of the first and the last word.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "?"
	}
	first := string([]rune(words[0])[:1])
	if len(words) > 1 {
		first += string([]rune(words[len(words)-1])[:1])
	}
	return strings.ToUpper(first)
}

func grantTexts(grants []provisioning.Grant) []string {
	list := make([]string, len(grants))
	for i, g := range grants {
		list[i] = g.String()
	}
	return list
}
