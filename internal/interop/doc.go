// Package interop holds tests against programs that this project did not write: other providers that sign people in at our relying
// parties, and other clients that sign in at our fake Entra. It is a module of its own, so that nobody inherits what it needs.
package interop
