package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/credential"
	"github.com/tenantdoor/tenantdoor/internal/contract"
)

var errOwn = errors.New("a store's own error")

// sloppy is what the broken stores share: one fault, by name.
type sloppy struct {
	fault   string
	mu      sync.Mutex
	next    int
	waiting bool // a caller waits in the gap
}

func (s *sloppy) is(fault string) bool { return s.fault == fault }

func (s *sloppy) enter(ctx context.Context) error {
	switch {
	case s.is("contexts are ignored") || ctx.Err() == nil:
		return nil
	case s.is("cancelled is not found"):
		return entra.ErrNotFound
	}
	return ctx.Err()
}

func (s *sloppy) notFound() error {
	if s.is("not found is an error of its own") {
		return errOwn
	}
	return fmt.Errorf("sloppy: %w", entra.ErrNotFound)
}

// gap lets others in between looking and writing: it waits for a second caller, as long as one can be expected.
func (s *sloppy) gap() {
	if !s.is("looks, then writes") {
		return
	}
	if s.waiting {
		s.waiting = false // the one who waits goes on
		return
	}
	s.waiting = true
	end := time.Now().Add(50 * time.Millisecond)
	for turns := 0; s.waiting && (turns < 5000 || time.Now().Before(end)); turns++ { // the turns count where the machine is busy with other things
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
	s.waiting = false
}

// id is the identifier as the store compares it.
func (s *sloppy) id(id string) string {
	switch s.fault {
	case "identifiers in any case":
		return strings.ToLower(id)
	case "identifiers are trimmed":
		return strings.TrimRight(id, " ")
	case "identifiers are cut":
		return id[:min(len(id), 32)]
	}
	return id
}

func (s *sloppy) over(until time.Time) bool { return time.Now().After(s.at(until)) }

func (s *sloppy) at(t time.Time) time.Time {
	switch s.fault {
	case "times lose their zone":
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	case "times in local time":
		return t.In(time.FixedZone("here", 3600))
	}
	return t.UTC()
}

var flowFaults = contract.Faults{
	"taken again and again":            {"taken once", "race to take"},
	"taking one takes all":             {"taken once", "identifiers byte for byte"},
	"not found is nil, nil":            {"not found", "taken once", "expiry"},
	"not found is an error of its own": {"not found"},
	"nothing expires":                  {"expiry"},
	"times lose their zone":            {"expiry"},
	"identifiers in any case":          {"identifiers byte for byte"},
	"identifiers are trimmed":          {"identifiers byte for byte"},
	"bytes are text":                   {"bytes come back whole"},
	"4096 bytes":                       {"bytes come back whole"},
	"values are shared":                {"values are the caller's"},
	"contexts are ignored":             {"cancelled context"},
	"cancelled is not found":           {"cancelled context"},
	"looks, then writes":               {"race to take"},
}

type stored struct {
	value []byte
	until time.Time
}

type sloppyFlows struct {
	sloppy
	flows map[string]stored
}

func (s *sloppyFlows) Put(ctx context.Context, id string, sealed []byte, expires time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.fault {
	case "bytes are text":
		sealed = []byte(strings.ToValidUTF8(string(sealed), "?"))
	case "4096 bytes":
		sealed = bytes.Clone(sealed[:min(len(sealed), 4096)])
	case "values are shared":
	default:
		sealed = bytes.Clone(sealed)
	}
	if s.flows == nil {
		s.flows = map[string]stored{}
	}
	s.flows[s.id(id)] = stored{sealed, expires}
	return nil
}

func (s *sloppyFlows) Take(ctx context.Context, id string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.flows[s.id(id)]
	if !ok || s.over(f.until) && !s.is("nothing expires") {
		if s.is("not found is nil, nil") {
			return nil, nil
		}
		return nil, s.notFound()
	}
	s.gap()
	if !s.is("taken again and again") {
		delete(s.flows, s.id(id))
	}
	if s.is("taking one takes all") {
		clear(s.flows)
	}
	return f.value, nil
}

var replayFaults = contract.Faults{
	"always first":                         {"remembered once", "race to be first"},
	"never first":                          {"remembered once"},
	"every other time":                     {"remembered once"},
	"identifiers are cut":                  {"ids are kept apart"},
	"remembers the last one":               {"ids are kept apart"},
	"times lose their zone":                {"remembered once"},
	"a sweep takes all":                    {"expiry"},
	"the last time counts":                 {"kept at least until"},
	"an hour at most":                      {"kept at least until"},
	"contexts are ignored":                 {"cancelled context"},
	"known is answered before the context": {"cancelled context"},
	"looks, then writes":                   {"race to be first"},
}

type sloppyReplay struct {
	sloppy
	ids map[string]time.Time
}

func (s *sloppyReplay) Remember(ctx context.Context, id string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = s.id(id)
	old, ok := s.ids[id]
	known := ok && !s.over(old)
	if known && s.is("known is answered before the context") {
		return false, nil
	}
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	s.next++
	if s.is("an hour at most") && time.Until(until) > 2*time.Hour {
		until = time.Now().Add(-time.Minute)
	}
	if s.ids == nil || s.is("remembers the last one") || s.is("a sweep takes all") && len(s.ids) > 32 {
		s.ids = map[string]time.Time{}
	}
	s.gap()
	if !known || s.is("the last time counts") {
		s.ids[id] = until
	}
	switch s.fault {
	case "always first":
		return true, nil
	case "never first":
		return false, nil
	case "every other time":
		return !known || s.next%2 == 1, nil
	}
	return !known, nil
}

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
	case s.is("lists those that are on") && !c.Enabled:
		return false
	case s.is("lists by any of the filter"):
		return f == entra.Filter{} || f.Name != "" && name || f.Application != "" && application || f.Organization != "" && organization
	}
	return name && application && organization
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
