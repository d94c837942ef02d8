package bulk_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// contoso is a store with one connection, as a Registrar has saved it.
func contoso(ctx context.Context) *memory.Connections {
	connections := memory.NewConnections()
	if _, err := connections.Put(ctx, &entra.Connection{
		ID: "conn_contoso", Name: "contoso", TenantID: "c0a70500-0000-4000-8000-000000000001", HomeRealmDomains: []string{"contoso.com"},
		DomainProofs: []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainProven, By: entra.ProofByEnvironment}},
	}); err != nil {
		log.Fatal(err)
	}
	return connections
}

// A file of Kinde's is imported: Ann waits for her first sign-in through the connection of her address's domain, and what is wrong comes out again, to
// be mended and fed back.
func Example() {
	ctx := context.Background()
	users, connections := memory.NewUsers(), contoso(ctx) // or your own tables
	file := `email,id,first_name,email_verified,external_organization_id
ann@contoso.com,0001,Ann,TRUE,org_1
ben@contoso.com,0002,Ben,WAHR,org_1
`
	reader, err := bulk.NewReader(strings.NewReader(file))
	if err != nil {
		log.Fatal(err)
	}
	rejects := bulk.NewRejects(os.Stdout, reader, false)
	imports, err := bulk.New(bulk.Config{
		Users: users, By: bulk.ByEnvironment(), Source: "kinde",
		Connections: entra.View{Connections: connections, By: entra.Environment("operator")},
		Report: func(r bulk.Result) {
			fmt.Println("line", r.Line, r.Outcome)
			if r.Outcome == bulk.Bad {
				if err := rejects.Write(r.Problem); err != nil {
					log.Fatal(err)
				}
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	summary, err := imports.Run(ctx, reader)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary.Created, "created,", summary.Bad, "bad")
	for u := range users.All() {
		fmt.Println(u.Profile.GivenName, "waits for", u.Pending[0].ConnectionID)
	}
	// Output:
	// line 2 created
	// line 3 bad
	// email,id,first_name,email_verified,external_organization_id,import_line,import_error,import_text
	// ben@contoso.com,0002,Ben,WAHR,org_1,3,"email_verified: the value is neither TRUE nor FALSE: write TRUE or FALSE, whatever the language of the spreadsheet",
	// 1 created, 1 bad
	// Ann waits for conn_contoso
}

// An import that was interrupted goes on from the last checkpoint, and counts on from there.
func ExampleImport_Resume() {
	ctx := context.Background()
	users, connections := memory.NewUsers(), contoso(ctx)
	const file = "email,id\nann@contoso.com,1\nben@contoso.com,2\nmia@contoso.com,3\n"

	var last bulk.Checkpoint // a host keeps it beside the users, as JSON
	run := func(ctx context.Context, interrupted func()) (bulk.Summary, error) {
		reader, err := bulk.NewReader(strings.NewReader(file))
		if err != nil {
			return bulk.Summary{}, err
		}
		imports, err := bulk.New(bulk.Config{
			Users: users, By: bulk.ByEnvironment(), Source: "kinde", Batch: 1, // the default of 1,000 is for more than three people
			Connections: entra.View{Connections: connections, By: entra.Environment("operator")},
			Checkpoint: func(_ context.Context, c bulk.Checkpoint) error {
				last = c
				interrupted()
				return nil
			},
		})
		if err != nil {
			return bulk.Summary{}, err
		}
		if last.Source == "" {
			return imports.Run(ctx, reader)
		}
		return imports.Resume(ctx, reader, last)
	}

	first, cancel := context.WithCancel(ctx)
	_, err := run(first, cancel) // somebody pulls the plug after the first row
	fmt.Println(last.Summary.Created, "created,", err)
	summary, err := run(ctx, func() {})
	fmt.Println(summary.Created, "created,", err)
	// Output:
	// 1 created, bulk: line 3: finding users: context canceled
	// 3 created, <nil>
}

// Two tenants merge, and people have new accounts in the other one: their identities move, by a file of old and new ones.
func ExampleRebind() {
	ctx := context.Background()
	const former, now = "0ddc0de0-0000-4000-8000-000000000009", "c0a70500-0000-4000-8000-000000000001"
	const ann, annNow = "00000000-0000-4000-8000-000000000001", "c0a70500-0000-4000-8000-000000000101"
	users := memory.NewUsers()
	if err := users.Load(&provisioning.User{ID: "u1", Keys: []provisioning.Key{{ConnectionID: "conn_contoso", Authority: former, Subject: ann}}}); err != nil {
		log.Fatal(err)
	}
	people, err := provisioning.New(provisioning.Config{Users: users})
	if err != nil {
		log.Fatal(err)
	}
	connections := entra.View{Connections: contoso(ctx), By: entra.Environment("operator")}

	const file = "connection,old_tenant_id,old_object_id,new_tenant_id,new_object_id\n" +
		"contoso," + former + "," + ann + "," + now + "," + annNow + "\n" +
		"contoso," + former + ",ben," + now + ",ben\n"
	for _, dry := range []bool{true, false, false} { // looked at first; done twice, nothing more happens
		moves, err := bulk.NewMoves(strings.NewReader(file))
		if err != nil {
			log.Fatal(err)
		}
		order := provisioning.Order{By: provisioning.Actor{Environment: true, Name: "kim"}, Note: "merger", DryRun: dry}
		summary, err := bulk.Rebind(ctx, people, order, connections, moves, func(m bulk.Moved) {
			if dry && m.Problem != nil {
				fmt.Println(m.Problem)
			}
		})
		fmt.Printf("dry run: %t, %d moved, %d there already, %d bad, %v\n", dry, summary.Moved, summary.Already, summary.Bad, err)
	}
	// Output:
	// bulk: line 3, "new_object_id": the value is not a GUID: write it as 00000000-0000-0000-0000-000000000000, or leave it empty
	// dry run: true, 1 moved, 0 there already, 1 bad, <nil>
	// dry run: false, 1 moved, 0 there already, 1 bad, <nil>
	// dry run: false, 0 moved, 1 there already, 1 bad, <nil>
}
