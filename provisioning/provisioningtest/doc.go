// Package provisioningtest is the contract suite for a host's own provisioning.UserStore.
package provisioningtest
