// Package storetest is the contract suite for a host's own stores of package entra.
package storetest
