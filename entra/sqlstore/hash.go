package sqlstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
	"unicode/utf8"
)

// hash is what identifiers are compared by where they can be long, or anything: no collation merges it. Fields cannot shift into each other.
func hash(about string, fields ...string) string {
	h := sha256.New()
	h.Write([]byte("tenantdoor " + about))
	for _, field := range fields {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(field)))
		h.Write(n[:])
		h.Write([]byte(field))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// storable reports whether every engine keeps a string as it is.
func storable(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return utf8.ValidString(s)
}

// maxID is what a column of ids holds, in bytes.
const maxID = 255

// possible reports whether something can have this id.
func possible(id string) bool { return id != "" && len(id) <= maxID && storable(id) }

// micro is a time as it is kept: microseconds since 1970, whatever time zone the database, the driver or the session has.
func micro(t time.Time) int64 { return t.UnixMicro() }
