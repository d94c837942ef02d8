package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

var connectionFaults = contract.Faults{
	"not found is nil, nil":                          {"not found"},
	"not found is an error of its own":               {"not found"},
	"deleting nothing succeeds":                      {"not found", "deleting", "race on a version"},
	"domains by suffix":                              {"not found"},
	"forgets what it does not know":                  {"round trip"},
	"forgets secrets":                                {"round trip"},
	"secrets stay":                                   {"round trip"},
	"reads the wrong version":                        {"round trip"},
	"identifiers in any case":                        {"identifiers byte for byte"},
	"identifiers are trimmed":                        {"identifiers byte for byte"},
	"creating replaces":                              {"versions", "race to create"},
	"names of 255 bytes":                             {"long values"},
	"secrets of 255 bytes":                           {"long values"},
	"100 domains":                                    {"long values"},
	"times in local time":                            {"times"},
	"times lose their zone":                          {"times"},
	"versions are not compared":                      {"versions", "race on a version"},
	"versions are counted for each":                  {"deleting"},
	"versions stay":                                  {"versions"},
	"a version creates":                              {"versions"},
	"deletes any version":                            {"deleting"},
	"deleted domains stay":                           {"deleting"},
	"names are not unique":                           {"names of an owner", "race for a name"},
	"names are unique everywhere":                    {"names of an owner"},
	"names in any case":                              {"names of an owner", "listing"},
	"a taken name is a conflict":                     {"names of an owner", "race for a name"},
	"a taken name names the newcomer":                {"names of an owner"},
	"a taken name is half written":                   {"names of an owner"},
	"domains are not unique":                         {"home realm domains", "race for a domain"},
	"domains are unique for each owner":              {"home realm domains"},
	"domains as spelled":                             {"home realm domains"},
	"a taken domain is half written":                 {"home realm domains"},
	"all domains route":                              {"domains that are not proven"},
	"unproven domains block":                         {"domains that are not proven"},
	"lists in any order":                             {"listing"},
	"lists those that are on":                        {"listing"},
	"lists by part of a name":                        {"listing"},
	"lists applications in any case":                 {"listing"},
	"lists by any of the filter":                     {"listing"},
	"lists an organization's for an application":     {"listing"},
	"lists what an organization's connection shares": {"listing"},
	"lists any realm":                                {"listing by realm"},
	"lists realms in any case":                       {"listing by realm"},
	"lists realms of 255 bytes":                      {"listing by realm"},
	"lists the realms that are set":                  {"listing by realm"},
	"lists realms of any protocol":                   {"listing by realm"},
	"locks while listing":                            {"listing"},
	"values are shared":                              {"values are the caller's"},
	"Put writes to its argument":                     {"values are the caller's"},
	"contexts are ignored":                           {"cancelled context"},
	"a cancelled listing is empty":                   {"cancelled context"},
	"cancelled is not found":                         {"cancelled context"},
	"looks, then writes":                             {"race to create", "race for a name", "race for a domain", "race on a version"},
}

type sloppyConnections struct {
	sloppy
	all     []*entra.Connection
	ghosts  map[string]string // domain → id of a deleted connection
	listing bool
}

func (s *sloppyConnections) find(id string) int {
	return slices.IndexFunc(s.all, func(c *entra.Connection) bool { return s.id(c.ID) == s.id(id) })
}

func (s *sloppyConnections) domains(c *entra.Connection) []string {
	switch s.fault {
	case "all domains route":
		return c.Domains()
	case "domains as spelled":
		return c.HomeRealmDomains
	}
	return c.ProvenDomains()
}

func (s *sloppyConnections) Connection(ctx context.Context, id string) (*entra.Connection, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listing {
		return nil, errors.New("sloppy: locked")
	}
	i := s.find(id)
	switch {
	case i < 0 && s.is("not found is nil, nil"):
		return nil, nil
	case i < 0:
		return nil, s.notFound()
	}
	return s.out(s.all[i]), nil
}

func (s *sloppyConnections) out(c *entra.Connection) *entra.Connection {
	c = c.Clone()
	for i := range c.DomainProofs {
		c.DomainProofs[i].At = s.at(c.DomainProofs[i].At)
	}
	switch s.fault {
	case "forgets what it does not know":
		c.Unknown = nil
	case "names of 255 bytes":
		c.Name = c.Name[:min(255, len(c.Name))]
	case "secrets of 255 bytes":
		c.ClientSecret = credential.NewSecret(c.ClientSecret.Reveal()[:min(255, len(c.ClientSecret.Reveal()))])
	case "100 domains":
		c.HomeRealmDomains = c.HomeRealmDomains[:min(100, len(c.HomeRealmDomains))]
	case "forgets secrets":
		c.NextClientSecret = credential.Secret{}
	case "reads the wrong version":
		c.Version += "0"
	}
	return c
}

func (s *sloppyConnections) HomeRealm(ctx context.Context, domain string) (string, bool, error) {
	if err := s.enter(ctx); err != nil {
		return "", false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all {
		for _, d := range s.domains(c) {
			if d == domain || s.is("domains by suffix") && strings.HasSuffix(domain, d) {
				return c.ID, true, nil
			}
		}
	}
	id, ok := s.ghosts[domain]
	return id, ok, nil
}

func (s *sloppyConnections) Connections(ctx context.Context, f entra.Filter) iter.Seq2[*entra.Connection, error] {
	return func(yield func(*entra.Connection, error) bool) {
		if err := s.enter(ctx); err != nil {
			if !s.is("a cancelled listing is empty") {
				yield(nil, err)
			}
			return
		}
		s.mu.Lock()
		all := slices.Clone(s.all)
		s.listing = s.is("locks while listing")
		s.mu.Unlock()
		if !s.is("lists in any order") {
			slices.SortFunc(all, func(a, b *entra.Connection) int { return cmp.Compare(a.ID, b.ID) })
		}
		for _, c := range all {
			if s.matches(c, f) && !yield(s.out(c), nil) {
				return
			}
		}
		s.mu.Lock()
		s.listing = false
		s.mu.Unlock()
	}
}

func (s *sloppyConnections) matches(c *entra.Connection, f entra.Filter) bool {
	shared := c.OrganizationID == ""
	name := f.Name == "" || c.Name == f.Name || s.is("lists by part of a name") && strings.Contains(c.Name, f.Name) || s.is("names in any case") && strings.EqualFold(c.Name, f.Name)
	application := f.Application == "" || (shared || s.is("lists an organization's for an application")) && (c.AllApplications || slices.ContainsFunc(c.EnabledApplications, func(a string) bool {
		return a == f.Application || s.is("lists applications in any case") && strings.EqualFold(a, f.Application)
	}))
	organization := f.Organization == "" || c.OrganizationID == f.Organization || (shared || s.is("lists what an organization's connection shares")) && slices.Contains(c.Organizations, f.Organization)
	switch {
	case f.Realm != "" && !s.hasRealm(c, f.Realm):
		return false
	case s.is("lists those that are on") && !c.Enabled:
		return false
	case s.is("lists by any of the filter"):
		return f == entra.Filter{} || f.Name != "" && name || f.Application != "" && application || f.Organization != "" && organization
	}
	return name && application && organization
}

func (s *sloppyConnections) hasRealm(c *entra.Connection, realm string) bool {
	if c.Strategy != entra.WSFed && !s.is("lists realms of any protocol") {
		return s.is("lists any realm")
	}
	switch has := c.WTRealm(); s.fault {
	case "lists any realm": // as a store does that does not know the field
		return true
	case "lists realms in any case":
		return strings.EqualFold(has, realm)
	case "lists realms of 255 bytes":
		return has[:min(255, len(has))] == realm[:min(255, len(realm))]
	case "lists the realms that are set":
		return c.Realm == realm
	default:
		return has == realm
	}
}

func (s *sloppyConnections) Put(ctx context.Context, c *entra.Connection) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(c.ID)
	switch {
	case i >= 0 && c.Version == "" && !s.is("creating replaces"),
		i >= 0 && c.Version != "" && c.Version != s.all[i].Version && !s.is("versions are not compared"),
		i < 0 && c.Version != "" && !s.is("a version creates"):
		return "", fmt.Errorf("sloppy: %w", entra.ErrConflict)
	}
	if err := s.taken(c); err != nil {
		half := s.is("a taken name is half written") || s.is("a taken domain is half written")
		if half && i >= 0 {
			s.all[i].DisplayName = c.DisplayName
		}
		return "", err
	}
	s.gap()
	return s.write(c, i), nil
}

func (s *sloppyConnections) write(c *entra.Connection, i int) string {
	next := c.Clone()
	if s.is("values are shared") {
		next = new(entra.Connection)
		*next = *c
	}
	s.next++
	next.Version = fmt.Sprint("v", s.next)
	switch {
	case s.is("versions are counted for each"):
		next.Version = c.Version + "i"
	case s.is("versions stay") && c.Version != "":
		next.Version = c.Version
	case s.is("Put writes to its argument"):
		c.Version = next.Version
	}
	if i < 0 {
		s.all = append(s.all, next)
		return next.Version
	}
	if s.is("secrets stay") && next.ClientSecret.IsZero() {
		next.ClientSecret = s.all[i].ClientSecret
	}
	if i < len(s.all) {
		s.all[i] = next
	}
	return next.Version
}

func (s *sloppyConnections) taken(c *entra.Connection) error {
	for _, o := range s.all {
		if s.id(o.ID) == s.id(c.ID) {
			continue
		}
		owner := o.OrganizationID == c.OrganizationID
		name := o.Name == c.Name || s.is("names in any case") && strings.EqualFold(o.Name, c.Name)
		if name && (owner || s.is("names are unique everywhere")) && !s.is("names are not unique") {
			switch s.fault {
			case "a taken name is a conflict":
				return entra.ErrConflict
			case "a taken name names the newcomer":
				return &entra.TakenError{Field: "name", Value: c.Name, ConnectionID: c.ID}
			}
			return &entra.TakenError{Field: "name", Value: c.Name, ConnectionID: o.ID}
		}
		for _, d := range s.domains(c) {
			blocks := slices.Contains(s.domains(o), d) || s.is("unproven domains block") && slices.Contains(o.Domains(), d)
			if blocks && !s.is("domains are not unique") && (owner || !s.is("domains are unique for each owner")) {
				return &entra.TakenError{Field: "home_realm_domains", Value: d, ConnectionID: o.ID}
			}
		}
	}
	return nil
}

func (s *sloppyConnections) Delete(ctx context.Context, id, version string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(id)
	switch {
	case i < 0 && s.is("deleting nothing succeeds"):
		return nil
	case i < 0:
		return s.notFound()
	case version != "" && version != s.all[i].Version && !s.is("deletes any version"):
		return fmt.Errorf("sloppy: %w", entra.ErrConflict)
	}
	s.gap()
	if s.is("deleted domains stay") {
		s.ghosts = map[string]string{}
		for _, d := range s.domains(s.all[i]) {
			s.ghosts[d] = id
		}
	}
	if i < len(s.all) {
		s.all = slices.Delete(slices.Clone(s.all), i, i+1)
	}
	return nil
}
