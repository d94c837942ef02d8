// Package aadsts reads Entra's errors: what happened, and who can mend it.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
package aadsts
