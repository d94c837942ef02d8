package provisioning_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// Whatever is kept about a person is in their export: the test fills every field there is, so that one that is added later is missed.
func TestExportIsComplete(t *testing.T) {
	u := &provisioning.User{}
	n := 0
	fill(reflect.ValueOf(u).Elem(), &n)
	u.Keys = []provisioning.Key{annKey(), provisioning.ImportKey("kinde", "record 1")}
	u.Pending[0].ConnectionID, u.Pending[0].TenantID, u.Pending[0].ObjectID, u.Pending[0].Address = "con_pending", tenant, oldOID, "ann@pending.example"
	u.Profile.Extended = map[string]any{"jobTitle": "Engineer"}
	d := newDesk(t, u)
	before := d.all()
	b, err := d.Export(t.Context(), operator, u.ID)
	require.NoError(t, err)
	require.Equal(t, before, d.all())
	for _, s := range stringsIn(reflect.ValueOf(u).Elem()) {
		require.Contains(t, string(b), s)
	}
	var doc map[string]any
	require.NoError(t, json.Unmarshal(b, &doc))
	require.Equal(t, provisioning.ExportFormat, doc["format"])
	require.Equal(t, []any{map[string]any{"connection_id": conn, "authority": tenant, "subject": annOID}}, doc["identities"])
	require.Equal(t, []any{map[string]any{"source": "kinde", "record": "record 1"}}, doc["imports"])
	require.Equal(t, true, doc["suspended"])
	require.Equal(t, provisioning.EventExported, d.audits[0].Event)

	_, err = d.Export(t.Context(), provisioning.Order{By: provisioning.Actor{Organization: "org"}}, u.ID)
	d.refused(t, before, provisioning.ErrNotAllowed, err)
	b, err = d.Export(t.Context(), operator, "nobody")
	d.refused(t, before, provisioning.ErrNotFound, err)
	require.Nil(t, b)
}

// fill sets every field to something of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString("value " + strings.Repeat("x", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(now.Add(time.Duration(*n) * time.Hour)))
			return
		}
		for _, f := range v.Fields() {
			fill(f, n)
		}
	}
}

// stringsIn collects every text and time below v.
func stringsIn(v reflect.Value) (list []string) {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Slice:
		for i := range v.Len() {
			list = append(list, stringsIn(v.Index(i))...)
		}
	case reflect.Struct:
		if at, ok := reflect.TypeAssert[time.Time](v); ok {
			return []string{at.Format(time.RFC3339)}
		}
		for _, f := range v.Fields() {
			list = append(list, stringsIn(f)...)
		}
	}
	return list
}

func TestErase(t *testing.T) {
	d := newDesk(t, holds("ann", annKey()), holds("bob", oldKey()))
	before := d.all()
	d.refused(t, before, provisioning.ErrNotAllowed, d.Erase(t.Context(), provisioning.Order{}, "ann"))
	d.refused(t, before, provisioning.ErrNotFound, d.Erase(t.Context(), operator, "zoe"))
	d.audits = nil
	require.NoError(t, d.Erase(t.Context(), lookOnly, "ann"))
	require.Equal(t, before, d.all())
	require.Empty(t, d.audits)

	require.NoError(t, d.Erase(t.Context(), operator, "ann"))
	require.Equal(t, []provisioning.Audit{{Event: provisioning.EventErased, Time: now, UserID: "ann", Actor: operator.By, Note: "ticket 7"}}, d.audits, "nothing personal stays behind")
	left := d.all()
	require.Len(t, left, 1)
	require.Equal(t, "bob", left[0].ID)
	require.ErrorIs(t, d.Erase(t.Context(), operator, "ann"), provisioning.ErrNotFound)

	u, decision, err := d.Provision(t.Context(), jit(), ann())
	require.NoError(t, err)
	require.Equal(t, provisioning.ActionCreate, decision.Action)
	require.NotEqual(t, "ann", u.ID)
}

// A store that cannot do what an act needs is named, and nothing happens.
func TestActsNameWhatTheStoreLacks(t *testing.T) {
	users := memory.NewUsers()
	require.NoError(t, users.Load(holds("ann", annKey())))
	p, err := provisioning.New(provisioning.Config{Users: struct{ provisioning.UserStore }{users}})
	require.NoError(t, err)
	_, err = p.Export(t.Context(), operator, "ann")
	require.ErrorContains(t, err, "UserReader")
	require.ErrorContains(t, p.Erase(t.Context(), operator, "ann"), "UserEraser")
	_, err = p.DropAllPending(t.Context(), operator, conn)
	require.ErrorContains(t, err, "UserLister")
}

// Every event and every reason has a sentence for people, and none of them names anybody.
func TestAuditExplains(t *testing.T) {
	for _, e := range []provisioning.Event{
		provisioning.EventSignedIn, provisioning.EventLinked, provisioning.EventCreated, provisioning.EventVerify, provisioning.EventRefused, provisioning.EventRebound, provisioning.EventUnlinked,
		provisioning.EventAssigned, provisioning.EventDropped, provisioning.EventExported, provisioning.EventErased, provisioning.EventEmergency,
	} {
		require.NotEqual(t, string(e), e.Explain())
	}
	require.Equal(t, "later", provisioning.Event("later").Explain())
	b := newBench(t, holds("known", annKey()))
	b.clock = now
	_, _, err := b.Provision(t.Context(), jit(), ann())
	require.NoError(t, err)
	stranger := ann()
	stranger.ObjectID = oldOID
	stranger.Groups = claims.KnownGroups(nil)
	_, _, err = b.Provision(t.Context(), pinned(), stranger)
	require.Error(t, err)
	require.Equal(t, "Signed in through the connection. Reason: the identity is known.", b.audits[0].Explain())
	require.Equal(t, provisioning.EventRefused, b.audits[1].Event)
	require.Contains(t, b.audits[1].Explain(), "does not create any")
	refused := provisioning.Audit{Event: provisioning.EventRebound, Err: &provisioning.ActError{Event: provisioning.EventRebound, Err: provisioning.ErrTaken, Fix: "unlink it"}}
	require.Equal(t, "Refused: provisioning: the identity belongs to another user (rebound): unlink it", refused.Explain())
}
