package entratest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra/cloud"
)

// directory is what the server knows of all tenants. It never changes: Edit puts another in its place.
type directory struct {
	tenants []Tenant
}

var guidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// newDirectory copies and checks what was declared.
func newDirectory(tenants []Tenant) (*directory, error) {
	d := &directory{tenants: cloneTenants(tenants)}
	taken := make(map[string]string)
	claim := func(what, name, owner string) error {
		key := what + " " + strings.ToLower(name)
		if other, ok := taken[key]; ok {
			return fmt.Errorf("entratest: %s %q is declared by %s and %s", what, name, other, owner)
		}
		taken[key] = owner
		return nil
	}
	for i := range d.tenants {
		t := &d.tenants[i]
		if err := checkTenant(t, claim); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func checkTenant(t *Tenant, claim func(what, name, owner string) error) error {
	if !guidPattern.MatchString(t.ID) {
		return fmt.Errorf("entratest: tenant %q has the id %q, which is not a lower-case GUID", t.Name, t.ID)
	}
	if t.Personal != (t.ID == cloud.Consumers) {
		return fmt.Errorf("entratest: tenant %q: the tenant of personal accounts is %s, and no other", t.Name, cloud.Consumers)
	}
	if err := claim("tenant", t.ID, t.Name); err != nil {
		return err
	}
	for _, domain := range t.Domains {
		if err := claim("domain", domain, t.Name); err != nil {
			return err
		}
	}
	for i := range t.Applications {
		a := &t.Applications[i]
		if !guidPattern.MatchString(a.ClientID) {
			return fmt.Errorf("entratest: application %q has the client id %q, which is not a lower-case GUID", a.Name, a.ClientID)
		}
		if err := claim("application", a.ClientID, t.Name); err != nil {
			return err
		}
	}
	for i := range t.Users {
		u := &t.Users[i]
		if !guidPattern.MatchString(u.ID) {
			return fmt.Errorf("entratest: user %q has the object id %q, which is not a lower-case GUID", u.UPN, u.ID)
		}
		if err := claim("object", t.ID+"/"+u.ID, u.UPN); err != nil {
			return err
		}
		if err := claim("user", t.ID+"/"+u.UPN, u.ID); err != nil {
			return err
		}
	}
	for i := range t.Groups {
		if err := claim("object", t.ID+"/"+t.Groups[i].ID, t.Groups[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// tenantByName finds a tenant by GUID or verified domain; nil when there is none.
func (d *directory) tenantByName(name string) *Tenant {
	for i := range d.tenants {
		t := &d.tenants[i]
		if strings.EqualFold(t.ID, name) {
			return t
		}
		for _, domain := range t.Domains {
			if strings.EqualFold(domain, name) {
				return t
			}
		}
	}
	return nil
}

// personal returns the tenant of personal accounts, or nil.
func (d *directory) personal() *Tenant { return d.tenantByName(cloud.Consumers) }

// application finds an app registration by client id, with the tenant that owns it.
func (d *directory) application(clientID string) (owner *Tenant, app *Application) {
	for i := range d.tenants {
		t := &d.tenants[i]
		for j := range t.Applications {
			if strings.EqualFold(t.Applications[j].ClientID, clientID) {
				return t, &t.Applications[j]
			}
		}
	}
	return nil, nil
}

// applicationByRealm finds an app registration by wtrealm, with the tenant that owns it.
func (d *directory) applicationByRealm(realm string) (owner *Tenant, app *Application) {
	for i := range d.tenants {
		t := &d.tenants[i]
		for j := range t.Applications {
			if t.Applications[j].answersTo(realm) {
				return t, &t.Applications[j]
			}
		}
	}
	return nil, nil
}

// homeOf finds the account that a person has in a home tenant: never a guest.
func (d *directory) homeOf(username string) (*Tenant, *User) {
	for i := range d.tenants {
		t := &d.tenants[i]
		for j := range t.Users {
			if u := &t.Users[j]; !u.Guest && strings.EqualFold(u.UPN, username) {
				return t, u
			}
		}
	}
	return nil, nil
}

// The tenant-independent authorities.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints
const (
	common        = "common"
	organizations = "organizations"
	consumers     = "consumers"
)

// authority is the tenant segment of a request's path.
type authority struct {
	name   string  // as endpoints of the discovery document name it: a GUID, common, organizations or consumers
	tenant *Tenant // nil for common and organizations, which belong to nobody
}

// shared tells whether people of several tenants sign in here.
func (a authority) shared() bool { return a.tenant == nil }

// authority resolves the tenant segment of a path. An unknown one is AADSTS90002.
func (d *directory) authority(name string) (authority, *failure) {
	switch name = strings.ToLower(name); name {
	case common, organizations:
		return authority{name: name}, nil
	case consumers:
		if t := d.personal(); t != nil {
			return authority{name: consumers, tenant: t}, nil
		}
	}
	if t := d.tenantByName(name); t != nil {
		return authority{name: t.ID, tenant: t}, nil
	}
	return authority{}, fail(90002, name)
}
