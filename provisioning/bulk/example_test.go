package bulk_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/tenantdoor/tenantdoor/entra"
	"github.com/tenantdoor/tenantdoor/entra/memory"
	"github.com/tenantdoor/tenantdoor/provisioning/bulk"
)

// A file of Kinde's is imported: Ann waits for her first sign-in through the connection of her address's domain, and what is wrong comes out again, to
// be mended and fed back.
func Example() {
	ctx := context.Background()
	users, connections := memory.NewUsers(), memory.NewConnections() // or your own tables
	if _, err := connections.Put(ctx, &entra.Connection{             // a Registrar has done this
		ID: "conn_contoso", Name: "contoso", TenantID: "c0a70500-0000-4000-8000-000000000001", HomeRealmDomains: []string{"contoso.com"},
		DomainProofs: []entra.DomainProof{{Domain: "contoso.com", State: entra.DomainProven, By: entra.ProofByEnvironment}},
	}); err != nil {
		log.Fatal(err)
	}
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
