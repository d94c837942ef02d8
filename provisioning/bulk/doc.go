// Package bulk imports people from files: Kinde's CSV and NDJSON, Auth0's export, Microsoft Entra's "download users", and what is written like
// them. A record becomes a user who waits for a first sign-in through an enterprise connection (provisioning.Pending), and whom that sign-in
// finds: people notice nothing of a migration.
//
//	reader, err := bulk.NewReader(file)
//	…
//	imports, err := bulk.New(bulk.Config{Users: users, By: bulk.ByEnvironment(), Source: "kinde", Connections: entra.View{…}})
//	…
//	summary, err := imports.Run(ctx, reader)
//
// What it promises:
//
//   - Importing again changes nothing that exists: a user is known by the record's key, and so is each of its memberships, so that
//     somebody who was taken out of an organization does not come back by the same file. Two runs at once, and a run that was killed, make nobody
//     twice; a checkpoint only saves time.
//   - Good rows go in, bad ones are reported with line, column, reason and what to do, and [Rejects] writes them into a file to be mended and fed back.
//   - Nothing gets lost silently: what a UserStore has no place for goes to Config.Keep, or is named in Config.Ignore, or ends the run. Passwords are
//     passed through; they are never interpreted, and appear in no error and no log.
//   - A user who exists is only reached where that is safe: see the rules in match.go.
//   - Memory does not grow with the file, nor time faster than it, whatever is in it. The limits: a row, or a JSON object, of 1 MiB; 512 columns, or members; a header of
//     64 KiB; 1,000 organizations for one record; ids of 512 bytes.
//
// The columns of a CSV, in any order and case: email, phone, id (or provided_id), first_name, last_name, username, picture, email_verified,
// phone_verified, roles (or role_key), permissions (or permission_key), external_organization_id, and ours: connection (its name), entra_object_id,
// entra_tenant_id. A CSV with a column userPrincipalName is Entra's; there id is the object id. Roles and permissions belong to every organization of
// their row; a person with different ones in several organizations has a row for each. In NDJSON our three names are members of the object.
//
// The map: encoding.go and lines.go (text), csvrows.go, jsonrows.go (rows), values.go, csvrecords.go, jsonrecords.go, record.go (records), problem.go (what is wrong with a row), reader.go,
// rejects.go; rebind.go (identities that move, for a tenant merger); config.go, plan.go (what a record names), match.go (whom it means), find.go (who is there), run.go, result.go.
package bulk
