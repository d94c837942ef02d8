package bulk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

var ops = provisioning.Order{By: provisioning.Actor{Environment: true, Name: "ops"}, Note: "merger"}

func person(i int) string { return fmt.Sprintf("aaaaaaaa-aaaa-4aaa-8aaa-%012d", i) }

// holding makes users of Contoso's connection who are known by person 0, 1, 2, …
func holding(t *testing.T, n int) *memory.Users {
	t.Helper()
	s := memory.NewUsers()
	for i := range n {
		require.NoError(t, s.Load(&provisioning.User{ID: fmt.Sprint("user ", i), Version: "1", Keys: []provisioning.Key{{ConnectionID: "conn_contoso", Authority: contosoTenant, Subject: person(i)}}}))
	}
	return s
}

func moving(t *testing.T, users provisioning.UserStore, file string, o provisioning.Order) ([]bulk.Moved, bulk.MovedSummary, string, error) {
	t.Helper()
	people, err := provisioning.New(provisioning.Config{Users: users})
	require.NoError(t, err)
	in, err := bulk.NewMoves(strings.NewReader(file))
	require.NoError(t, err)
	var all []bulk.Moved
	var rejects bytes.Buffer
	w := in.Rejects(&rejects, false)
	sum, err := bulk.Rebind(t.Context(), people, o, contosos(), in, func(m bulk.Moved) {
		all = append(all, m)
		if m.Problem != nil {
			require.NoError(t, w.Write(m.Problem))
		}
	})
	return all, sum, rejects.String(), err
}

const moveHeader = "connection,old_tenant_id,old_object_id,new_tenant_id,new_object_id,user_id\n"

func move(from, to int, user string) string {
	return fmt.Sprintf("contoso,%s,%s,%s,%s,%s\n", contosoTenant, person(from), otherTenant, person(to), user)
}

// A tenant merger: everybody's identity moves, once, and nobody's profile.
func TestRebind(t *testing.T) {
	users := holding(t, 3)
	file := "\ufeffCONNECTION;Old_Tenant_ID;old_object_id;new_tenant_id;new_object_id\n"
	for i := range 3 {
		file += strings.ReplaceAll(strings.ToUpper(strings.TrimSuffix(move(i, i, ""), ",\n"))+"\n", ",", ";")
	}
	file = strings.ReplaceAll(file, "CONTOSO;", "contoso;")
	before := people(users)
	_, sum, _, err := moving(t, users, file, provisioning.Order{By: ops.By, DryRun: true})
	require.NoError(t, err)
	require.Equal(t, bulk.MovedSummary{Moved: 3}, sum)
	require.Equal(t, before, people(users))

	_, sum, rejects, err := moving(t, users, file, ops)
	require.NoError(t, err)
	require.Equal(t, bulk.MovedSummary{Moved: 3}, sum)
	require.Empty(t, rejects)
	for i := range 3 {
		u, err := users.UserByKey(t.Context(), provisioning.Key{ConnectionID: "conn_contoso", Authority: otherTenant, Subject: person(i)})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("user ", i), u.ID)
		require.Len(t, u.Keys, 1)
	}
	after := people(users)
	_, sum, _, err = moving(t, users, file, ops)
	require.NoError(t, err)
	require.Equal(t, bulk.MovedSummary{Already: 3}, sum)
	require.Equal(t, after, people(users))
}

// Each bad row is named with what to do, the good ones are done, and the file of what was not done can be mended and fed back.
func TestRebindBadRows(t *testing.T) {
	users := holding(t, 4)
	file := moveHeader +
		move(0, 10, "user 0") + // 2: good
		move(9, 11, "") + // 3: nobody holds it
		move(1, 10, "") + // 4: taken by row 2
		move(1, 12, "user 2") + // 5: another user's
		strings.Replace(move(1, 12, ""), "contoso,", "nowhere,", 1) +
		strings.Replace(move(1, 12, ""), person(12), "not a guid", 1) +
		strings.Replace(move(1, 12, ""), person(1), "", 1) +
		"contoso,too,few\n" +
		move(1, 13, "") + // 10: good
		move(2, 14, "\"never closed")
	all, sum, rejects, err := moving(t, users, file, ops)
	require.NoError(t, err)
	require.Equal(t, bulk.MovedSummary{Moved: 2, Bad: 8}, sum)
	var got []string
	for _, m := range all {
		s := fmt.Sprint(m.Line, " ", m.Done)
		if m.Problem != nil {
			s += " " + string(m.Problem.Reason)
			require.NotEmpty(t, m.Problem.Fix)
			require.NotContains(t, m.Problem.Error(), "aaaaaaaa", "no identity in an error")
		}
		got = append(got, s)
	}
	require.Equal(t, []string{"2 true", "3 false not_found", "4 false conflict", "5 false conflict", "6 false connection", "7 false value", "8 false value", "9 false columns", "10 true", "11 false syntax"}, got)
	require.Contains(t, rejects, "nowhere")
	require.Contains(t, rejects, "new_object_id")

	_, sum, again, err := moving(t, users, rejects, ops)
	require.NoError(t, err)
	require.Equal(t, bulk.MovedSummary{Already: 1, Bad: 7}, sum, "row 4 names no user, its old key is nobody's by now, and its new key is somebody's: as if it were done\n%s", rejects)
	mended := strings.ReplaceAll(again, "not a guid", person(13))
	_, sum, _, err = moving(t, users, mended, ops)
	require.NoError(t, err)
	require.Equal(t, bulk.MovedSummary{Already: 1, Bad: 6}, sum)
}

func TestRebindRefuses(t *testing.T) {
	users := holding(t, 1)
	_, _, _, err := moving(t, users, moveHeader+move(0, 1, ""), provisioning.Order{By: provisioning.Actor{Organization: "org_contoso", Name: "mallory"}})
	require.ErrorIs(t, err, provisioning.ErrNotAllowed)
	for _, file := range []string{"", "connection,old_tenant_id\nx,y\n", "email,id\na@b.example,1\n", moveHeader[:len(moveHeader)-1] + ",password\n" + move(0, 1, ""), "PK\x03\x04"} {
		_, err := bulk.NewMoves(strings.NewReader(file))
		require.ErrorIs(t, err, bulk.ErrFile, "%q", file)
	}
	broken := contosos()
	broken.err = errors.New("the database is down")
	people, err := provisioning.New(provisioning.Config{Users: users})
	require.NoError(t, err)
	in, err := bulk.NewMoves(strings.NewReader(moveHeader + move(0, 1, "")))
	require.NoError(t, err)
	_, err = bulk.Rebind(t.Context(), people, ops, broken, in, nil)
	require.ErrorIs(t, err, broken.err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in, err = bulk.NewMoves(io.MultiReader(strings.NewReader(moveHeader + move(0, 1, ""))))
	require.NoError(t, err)
	_, err = bulk.Rebind(ctx, people, ops, contosos(), in, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, person(0), theOnly(t, users).Keys[0].Subject)
}

func theOnly(t *testing.T, s *memory.Users) *provisioning.User {
	t.Helper()
	var list []*provisioning.User
	for u := range s.All() {
		list = append(list, u)
	}
	require.Len(t, list, 1)
	return list[0]
}

// From AD FS to Entra: the old key is an issuer and a subject, and the connection is another one.
func TestRebindFromADFS(t *testing.T) {
	users := memory.NewUsers()
	require.NoError(t, users.Load(&provisioning.User{ID: "u", Keys: []provisioning.Key{{ConnectionID: "conn_fabrikam", Authority: "http://ADFS.contoso.com/trust", Subject: "S-1-5-21"}}}))
	file := "connection,old_tenant_id,old_object_id,new_connection,new_tenant_id,new_object_id\nfabrikam,http://ADFS.contoso.com/trust,S-1-5-21,contoso," + contosoTenant + "," + annID + "\n"
	_, sum, _, err := moving(t, users, file, ops)
	require.NoError(t, err)
	require.Equal(t, bulk.MovedSummary{Moved: 1}, sum)
	require.Equal(t, []provisioning.Key{{ConnectionID: "conn_contoso", Authority: contosoTenant, Subject: annID}}, theOnly(t, users).Keys)
}
