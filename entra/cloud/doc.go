// Package cloud says where each of Microsoft's clouds lives: the login host, the issuers and Graph.
//
// Source: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
package cloud
