// Package aadsts reads Entra's errors: what happened, and who can mend it.
//
// [FromTokenResponse] reads what the token endpoint says, [FromCallback] what comes back through the browser. Decisions
// belong to the standard members error and suberror ([Error.OAuth], [Error.SubError]); the AADSTS number only chooses
// the advice ([Explain]), because Microsoft warns that numbers and texts change. The description is read for a number and
// ids, and is then gone: it is in no field and no text, since in a callback anyone can write it.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
package aadsts
