package provisioning_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenantdoor/tenantdoor/claims"
	"github.com/tenantdoor/tenantdoor/provisioning"
)

// TestAuditJSON: what hosts keep in an audit log for years is spelled so, and nothing of Go's is in it.
func TestAuditJSON(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	key := provisioning.Key{ConnectionID: "conn_1", Authority: "tenant", Subject: "object"}
	for _, c := range []struct {
		audit provisioning.Audit
		want  string
	}{
		{
			provisioning.Audit{
				Event: provisioning.EventLinked, Time: at, UserID: "user_1", ConnectionID: "conn_1", Key: key,
				Decision: provisioning.Decision{
					Action: provisioning.ActionLink, Reason: provisioning.ReasonTrustedAddress, Evidence: []claims.Evidence{claims.EvidenceProvenDomain},
					UserID: "user_1", Confirmed: true, NotJoined: provisioning.JoinDomain, Changed: []string{"picture"}, EmailCollision: true,
				},
			},
			`{"event": "linked", "time": "2026-11-26T09:00:00Z", "user_id": "user_1", "connection_id": "conn_1",
			  "key": {"connection_id": "conn_1", "authority": "tenant", "subject": "object"},
			  "decision": {"action": "link", "reason": "trusted_address", "evidence": ["proven_domain"], "user_id": "user_1", "confirmed": true,
			    "not_joined": "domain_not_allowed", "changed": ["picture"], "email_collision": true}}`,
		},
		{
			provisioning.Audit{
				Event: provisioning.EventRebound, Time: at, UserID: "user_1", Key: key, From: provisioning.Key{Subject: "old"},
				Actor: provisioning.Actor{Environment: true, Name: "ann"}, Note: "ticket 1", Err: &provisioning.ActError{Event: provisioning.EventRebound, Err: provisioning.ErrTaken},
			},
			`{"event": "rebound", "time": "2026-11-26T09:00:00Z", "user_id": "user_1", "key": {"connection_id": "conn_1", "authority": "tenant", "subject": "object"},
			  "from": {"subject": "old"}, "actor": {"environment": true, "name": "ann"}, "note": "ticket 1",
			  "error": "provisioning: the identity belongs to another user (rebound)"}`,
		},
	} {
		got, err := json.Marshal(c.audit)
		require.NoError(t, err)
		require.JSONEq(t, c.want, string(got))
		var back provisioning.Audit
		require.NoError(t, json.Unmarshal(got, &back))
		c.audit.Err = nil // a text by then
		require.Equal(t, c.audit, back)
	}
	var a provisioning.Action
	require.Error(t, a.UnmarshalText([]byte("let_in")))
}
