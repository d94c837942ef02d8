package aadsts_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tenantdoor/tenantdoor/entra/aadsts"
)

func TestNeedsConsent(t *testing.T) {
	for name, tt := range map[string]struct {
		err  aadsts.Error
		want bool
	}{
		"nobody consented":             {aadsts.Error{OAuth: "invalid_grant", Code: 65001}, true},
		"an admin's is needed":         {aadsts.Error{OAuth: "access_denied", Code: 90094}, true},
		"an admin's was asked for":     {aadsts.Error{Code: 90095}, true},
		"by its name":                  {aadsts.Error{OAuth: "consent_required"}, true},
		"by its sub-error":             {aadsts.Error{OAuth: "invalid_grant", SubError: "consent_required"}, true},
		"declined":                     {aadsts.Error{OAuth: "access_denied", Code: 65004}, false},
		"declined at the admin's page": {aadsts.Error{OAuth: "consent_required", Code: 65004}, false},
		"another factor":               {aadsts.Error{OAuth: "interaction_required", Code: 50076}, false},
		"nothing":                      {aadsts.Error{}, false},
	} {
		assert.Equal(t, tt.want, tt.err.NeedsConsent(), name)
	}
}
