package provisioningtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tenantdoor/tenantdoor/internal/contract"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// moreFaults are those of what a store can do beside, of roles, and of addresses that are unique.
var moreFaults = contract.Faults{
	"forgets roles":                       {"round trip"},
	"nil empties the roles":               {"nil leaves alone"},
	"an empty list of roles leaves alone": {"a pointer replaces"},
	"roles are added":                     {"nil leaves alone"},
	"30 roles":                            {"long values"},
	"looks for the address, then writes":  {"race for an address"},
	"addresses without accents":           {"addresses byte for byte"},
	"addresses in Unicode's lower case":   {"addresses byte for byte"},
	"organizations in any case":           {"joining"},
	"connections in any case":             {"listing"},

	"no user is nil, nil":             {"one user by id"},
	"ids by their beginning":          {"one user by id"},
	"contexts are ignored":            {"one user by id", "listing", "erasing", "finding many", "many at once, again"},
	"lists as they came":              {"long listings"},
	"pages overlap":                   {"long listings"},
	"one page":                        {"long listings"},
	"after includes":                  {"long listings"},
	"after must exist":                {"long listings"},
	"locks while listing":             {"long listings"},
	"lists those who hold a key":      {"listing"},
	"lists those who wait":            {"listing", "long listings"},
	"connections by their beginning":  {"listing"},
	"import keys are of a connection": {"listing"},
	"counts everybody":                {"listing"},
	"expired ones are hidden":         {"listing"},
	"erases any version":              {"erasing"},
	"erasing nothing succeeds":        {"erasing"},
	"what was erased stays taken":     {"erasing"},
	"an erased user is found":         {"erasing"},
	"ids come again":                  {"erasing"},
	"looks at the user, then writes":  {"race to erase"},
	"a search ends with the first":    {"finding many"},
	"searches without pending ones":   {"finding many"},
	"searches without addresses":      {"finding many"},
	"a search finds somebody twice":   {"finding many"},
	"tells of those who were found":   {"finding many", "finding very many"},
	"searches share a user":           {"finding many"},
	"searches in any case":            {"finding very many"},
	"1,000 searches":                  {"finding very many"},
	"one refused, all refused":        {"many at once"},
	"an invalid one ends it":          {"many at once"},
	"tells of the refused only":       {"many at once"},
	"twins in a bulk":                 {"many at once"},
	"a bulk forgets who waits":        {"many at once"},
	"a bulk has no versions":          {"many at once"},
	"100 of a bulk":                   {"many at once, again"},
	"a bulk fails beside another":     {"many at once, again"},
	"a bulk looks, then inserts":      {"many at once, again"},
}

// gap lets others in between checking and writing.
func (s *sloppy) gap() {
	if strings.HasSuffix(s.fault, ", then writes") {
		s.wait()
	}
}

// wait waits for a second caller, as long as one can be expected.
func (s *sloppy) wait() {
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

func (s *sloppy) at(t time.Time) time.Time {
	switch {
	case t.IsZero() && s.is("never is 1970"):
		return time.Unix(0, 0).UTC()
	case s.is("times in local time"):
		return t.In(time.FixedZone("here", 3600))
	case s.is("times lose their zone"):
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	}
	return t.UTC()
}

func (s *sloppy) User(ctx context.Context, id string) (*provisioning.User, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.ID == id || s.is("ids by their beginning") && strings.HasPrefix(id, u.ID) {
			return s.out(u), nil
		}
	}
	if s.is("no user is nil, nil") {
		return nil, nil
	}
	return nil, s.notFound()
}

func (s *sloppy) selected(u *provisioning.User, f provisioning.UserFilter) bool {
	id := f.ConnectionID
	of := func(connection string) bool {
		return connection == id || s.is("connections by their beginning") && strings.HasPrefix(connection, id) ||
			s.is("connections in any case") && strings.EqualFold(connection, id)
	}
	return id == "" ||
		slices.ContainsFunc(u.Keys, func(k provisioning.Key) bool {
			return of(k.ConnectionID) || s.is("import keys are of a connection") && !k.Enterprise()
		}) && !s.is("lists those who wait") ||
		slices.ContainsFunc(u.Pending, func(p provisioning.Pending) bool { return of(p.ConnectionID) && !s.hidden(p) }) && !s.is("lists those who hold a key")
}

func (s *sloppy) Users(ctx context.Context, f provisioning.UserFilter) iter.Seq2[*provisioning.User, error] {
	return func(yield func(*provisioning.User, error) bool) {
		if err := s.enter(ctx); err != nil {
			yield(nil, err)
			return
		}
		s.mu.Lock()
		all := slices.Clone(s.users)
		s.mu.Unlock()
		if !s.is("lists as they came") {
			slices.SortFunc(all, func(a, b *provisioning.User) int { return cmp.Compare(a.ID, b.ID) })
		}
		exists := slices.ContainsFunc(all, func(u *provisioning.User) bool { return u.ID == f.After })
		n := 0
		for _, u := range all {
			after := u.ID > f.After || u.ID == f.After && s.is("after includes")
			if !after || f.After != "" && !exists && s.is("after must exist") || !s.selected(u, f) {
				continue
			}
			n++
			s.listing = s.is("locks while listing")
			more := yield(s.out(u), nil)
			s.listing = false
			if n == 100 && more && s.is("pages overlap") {
				more = yield(s.out(u), nil)
			}
			if !more || n == 100 && s.is("one page") {
				return
			}
		}
	}
}

func (s *sloppy) CountUsers(ctx context.Context, f provisioning.UserFilter) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	n := 0
	for range s.Users(ctx, f) {
		n++
	}
	if s.is("counts everybody") {
		return len(s.users), nil
	}
	return n, nil
}

func (s *sloppy) Erase(ctx context.Context, id, version string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.users, func(u *provisioning.User) bool { return u.ID == id })
	switch {
	case i < 0 && s.is("erasing nothing succeeds"):
		return nil
	case i < 0:
		return s.notFound()
	case version != "" && version != s.users[i].Version && !s.is("erases any version"):
		return s.conflict()
	}
	erased := s.users[i].Clone()
	s.gap()
	s.users = slices.DeleteFunc(slices.Clone(s.users), func(u *provisioning.User) bool { return u.ID == id })
	switch s.fault {
	case "what was erased stays taken":
		s.users = append(s.users, &provisioning.User{ID: "ghost", Keys: erased.Keys, Pending: nil})
	case "an erased user is found":
		s.users = append(s.users, &provisioning.User{ID: "ghost", Profile: erased.Profile})
	case "ids come again":
		s.next = 0
	}
	return nil
}

func (s *sloppy) FindMany(ctx context.Context, searches []provisioning.Search) ([][]*provisioning.User, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	asked := slices.Clone(searches)
	for i := range asked {
		switch {
		case s.is("searches without addresses"):
			asked[i].Addresses = nil
		case s.is("searches without pending ones"):
			asked[i].Keys = slices.DeleteFunc(slices.Clone(asked[i].Keys), func(k provisioning.Key) bool { return k.Authority == "" })
		case s.is("searches in any case"):
			asked[i].Keys = slices.Clone(asked[i].Keys)
			for n := range asked[i].Keys {
				asked[i].Keys[n].Subject = strings.ToLower(asked[i].Keys[n].Subject)
			}
		case s.is("1,000 searches") && i >= 1000:
			asked[i] = provisioning.Search{}
		}
	}
	each, err := findEach(ctx, s, asked)
	shared := map[string]*provisioning.User{}
	var found [][]*provisioning.User
	for i, list := range each {
		for n, u := range list {
			if s.is("searches share a user") && shared[u.ID] != nil {
				list[n] = shared[u.ID]
			}
			shared[u.ID] = u
		}
		switch {
		case len(list) == 0:
			continue
		case s.is("a search ends with the first"):
			each[i] = list[:1]
		case s.is("a search finds somebody twice"):
			each[i] = append(list, list[0])
		}
		found = append(found, each[i])
	}
	if s.is("tells of those who were found") {
		return found, err
	}
	return each, err
}

// findEach asks a store one thing after the other.
func findEach(ctx context.Context, s provisioning.UserStore, searches []provisioning.Search) ([][]*provisioning.User, error) {
	each := make([][]*provisioning.User, len(searches))
	for i, search := range searches {
		add := func(u *provisioning.User) {
			if u != nil && !slices.ContainsFunc(each[i], func(o *provisioning.User) bool { return o.ID == u.ID }) {
				each[i] = append(each[i], u)
			}
		}
		for _, k := range search.Keys {
			u, err := s.UserByKey(ctx, k)
			if err != nil && !errors.Is(err, provisioning.ErrNotFound) {
				return nil, err
			}
			add(u)
		}
		for _, a := range search.Addresses {
			list, err := s.UsersByEmail(ctx, a)
			if err != nil {
				return nil, err
			}
			for _, u := range list {
				add(u)
			}
		}
	}
	return each, nil
}

func (s *sloppy) CreateMany(ctx context.Context, changes []provisioning.Change) ([]error, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	if s.is("a bulk looks, then inserts") {
		return s.insert(changes), nil
	}
	var each, refused []error
	for i, c := range changes {
		if s.is("a bulk forgets who waits") {
			c.Pending = nil
		}
		for _, before := range changes[:i] {
			if s.is("twins in a bulk") && slices.Equal(before.AddKeys, c.AddKeys) {
				c.AddKeys, c.Pending = nil, nil
			}
		}
		u, err := s.Create(ctx, c)
		switch {
		case err != nil:
			refused = append(refused, err)
			if s.is("an invalid one ends it") && c.Check() != nil {
				return nil, err
			}
			if s.is("a bulk fails beside another") && len(refused) > 200 {
				return nil, errors.New("sloppy: deadlock")
			}
		case s.is("a bulk has no versions"):
			s.users[len(s.users)-1].Version = ""
		case i >= 100 && s.is("100 of a bulk"):
			s.mu.Lock()
			s.users = slices.DeleteFunc(s.users, func(o *provisioning.User) bool { return o.ID == u.ID })
			s.mu.Unlock()
		}
		each = append(each, err)
	}
	switch {
	case s.is("tells of the refused only"):
		return refused, nil
	case s.is("one refused, all refused") && len(refused) > 0:
		for i := range each {
			each[i] = refused[0]
		}
	}
	return each, nil
}

// insert looks once at what is there, and then inserts what was not.
func (s *sloppy) insert(changes []provisioning.Change) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	each := make([]error, len(changes))
	var missing []*provisioning.User
	for i, c := range changes {
		u := &provisioning.User{ID: fmt.Sprint("b", i), Version: "v"}
		s.apply(u, c)
		each[i] = errors.Join(c.Check(), s.check(u))
		if each[i] == nil {
			missing = append(missing, u)
		}
	}
	s.wait()
	s.users = append(s.users, missing...)
	return each
}
