package provisioning

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/tenantdoor/tenantdoor/claims"
)

// Key is what an identity is known by, for good. All three fields are compared byte for byte.
//
// A person of Entra is (connection id, tenant id, object id): Microsoft names the pair of "tid" and "oid" as what identifies
// a user across applications, and email, preferred_username and upn as what must never do so
// (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference, "Using claims to reliably identify a user").
// The subject of an OpenID Connect token is pairwise for each app registration, so it is not used. A person of AD FS is
// (connection id, issuer, subject).
//
// Two more forms exist: [PendingKey] is only ever looked up, never held; [ImportKey] is held beside the others and is no
// enterprise identity.
type Key struct {
	ConnectionID string `json:"connection_id,omitempty"`
	Authority    string `json:"authority,omitempty"`
	Subject      string `json:"subject"`
}

// PendingKey is the key by which [UserStore].UserByKey finds the user with a [Pending] identity for this object id. No
// user holds such a key.
func PendingKey(connectionID, objectID string) Key {
	return Key{ConnectionID: connectionID, Subject: objectID}
}

// ImportKey is held by a user who was imported: it names the record in its source, so that importing it again changes nothing.
// It is no enterprise identity, and a user may hold one of each source.
func ImportKey(source, record string) Key {
	return Key{Authority: source, Subject: record}
}

// Enterprise reports whether k is an identity of a connection, as opposed to the key of an imported record.
func (k Key) Enterprise() bool { return k.ConnectionID != "" }

// Hash returns 64 lower-case hex digits: SHA-256 over the three fields, each preceded by its length in bytes as eight bytes,
// big-endian. It is meant for a unique column, which no collation merges and no key overflows. It never changes.
func (k Key) Hash() string {
	h := sha256.New()
	for _, field := range []string{k.ConnectionID, k.Authority, k.Subject} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(field)))
		h.Write(n[:])
		h.Write([]byte(field))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// check tells whether a user may hold k.
func (k Key) check() error {
	switch {
	case k.Subject == "":
		return errors.New("a key has no subject")
	case k.Authority == "":
		return fmt.Errorf("the key of connection %q has no authority: it can be looked up, not held", k.ConnectionID)
	}
	return nil
}

// KeyOf returns the key of a person at a connection. It is an error when the identity lacks what makes a key: for Entra the
// tenant id or the object id; for a provider that is not Entra ([claims.KindExternal] without a tenant id) the issuer or
// the subject. OpenID Connect and WS-Federation give the same person of a tenant the same key.
func KeyOf(connectionID string, id *claims.Identity) (Key, error) {
	switch {
	case connectionID == "":
		return Key{}, errors.New("provisioning: an identity needs the id of its connection")
	case id == nil:
		return Key{}, errors.New("provisioning: there is no identity")
	case id.Kind == claims.KindExternal && id.TenantID == "" && id.ObjectID == "":
		return externalKey(connectionID, id)
	case id.TenantID == "" || id.ObjectID == "":
		return Key{}, errors.New("provisioning: the token lacks the tenant id or the object id of the person (Entra leaves the object id out without the profile scope)")
	case !isGUID(id.TenantID) || !isGUID(id.ObjectID):
		return Key{}, errors.New("provisioning: the tenant id or the object id in the token is not a lower-case GUID")
	}
	return Key{ConnectionID: connectionID, Authority: id.TenantID, Subject: id.ObjectID}, nil
}

// externalKey is the key of a person whose provider is not Entra. Such a provider can emit any value it likes, so its issuer
// must not look like a tenant: its keys and Entra's never meet.
func externalKey(connectionID string, id *claims.Identity) (Key, error) {
	switch {
	case id.Issuer == "" || id.Subject == "":
		return Key{}, errors.New("provisioning: the token lacks the issuer or the subject of the person")
	case isGUID(id.Issuer):
		return Key{}, errors.New("provisioning: the issuer looks like a tenant id, which only an Entra token may name")
	}
	return Key{ConnectionID: connectionID, Authority: id.Issuer, Subject: id.Subject}, nil
}

// isGUID reports whether s is a GUID in lower case, as claims hands them out.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
