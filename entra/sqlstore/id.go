package sqlstore

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// newID returns an id for a user who is made now: 10 characters of the time in milliseconds, whose order is the time's, and 16 (80 bits) of chance.
//
// Users who are made one after the other then lie together in each index that has their ids. An import would otherwise touch another page of the index with
// each user, and be slower the more users there are.
func newID(now time.Time) string {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli())<<14)
	return base32.HexEncoding.EncodeToString(ms[:])[:10] + rand.Text()[:16]
}
