package main

import (
	"os"
	"testing"

	"github.com/tenantdoor/tenantdoor/internal/testservers"
)

// BenchmarkImport imports a file of rows(b) rows into an empty database; rows/s is what it is for.
//
//	TENANTDOOR_IMPORT_ROWS=100000 go test -run '^$' -bench Import -benchtime 1x ./entraimport
func BenchmarkImport(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { importing(b, func(d *desk) string { return d.path("users.db") }) })
	b.Run("postgres", func(b *testing.B) {
		server := testservers.Postgres(b)
		importing(b, func(*desk) string { return server.Database(b) })
	})
}

func importing(b *testing.B, database func(*desk) string) {
	n := rows(b)
	file := b.TempDir() + "/people.csv"
	writePeople(b, file, n)
	for b.Loop() {
		d := &desk{folder: b.TempDir()}
		d.db = database(d)
		if err := os.WriteFile(d.path("connections.json"), []byte(connectionsFile), 0o600); err != nil {
			b.Fatal(err)
		}
		if code, stdout, stderr := d.run(b, file); code != exitBadRows {
			b.Fatal(code, stdout, stderr)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
