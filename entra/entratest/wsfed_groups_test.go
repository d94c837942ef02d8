package entratest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGroupLimit(t *testing.T) {
	s := startWSFed(t, Options{})
	for _, n := range []int{150, 151} {
		require.NoError(t, s.Edit(func(tenants []Tenant) []Tenant {
			for i := range tenants[0].Users {
				if u := &tenants[0].Users[i]; u.UPN == Maya {
					u.Groups = nil
					for _, g := range tenants[0].Groups[4:][:n] {
						u.Groups = append(u.Groups, g.ID)
					}
				}
			}
			return tenants
		}))
		a := s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+ContosoApp), Maya)
		if n == 150 {
			assert.Len(t, a.values(claimGroups), n)
			assert.Empty(t, a.values(claimGroupsLink))
		} else {
			assert.Empty(t, a.values(claimGroups))
			assert.Len(t, a.values(claimGroupsLink), 1)
		}
	}
}

func TestGroupKinds(t *testing.T) {
	s := startWSFed(t, Options{})
	tests := []struct {
		kind  string
		names bool
		want  []string
	}{
		{"", false, nil},
		{"None", false, nil},
		{"SecurityGroup", false, []string{ContosoEngineering, ContosoAdmins, ContosoStaff}},
		{"All", false, []string{ContosoEngineering, ContosoAdmins, ContosoNewsletter, ContosoStaff}},
		{"ApplicationGroup", false, []string{ContosoEngineering}},
		{"ApplicationGroup", true, []string{"Engineering"}},
	}
	for _, tt := range tests {
		require.NoError(t, s.Edit(func(tenants []Tenant) []Tenant {
			for i := range tenants[0].Applications {
				if a := &tenants[0].Applications[i]; a.ClientID == ContosoAssignedApp {
					a.GroupClaims, a.GroupNames = tt.kind, tt.names
					a.Assigned = []string{ContosoEngineering, ContosoStaff} // Ann is in the second only through the first
				}
			}
			return tenants
		}))
		a := s.mustSignIn(t, s.signInURL(ContosoID, "spn:"+ContosoAssignedApp), Ann)
		assert.Equal(t, tt.want, a.values(claimGroups), tt.kind)
	}
}
